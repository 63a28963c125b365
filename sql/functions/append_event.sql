-- object:   function audit.append_event(…)
-- requires: tables/change_events.sql, tables/personal_values.sql, tables/personal_keys.sql, functions/read_context.sql, functions/value_helpers.sql, functions/session_name.sql
-- purpose:  one event with everything that may belong to it; capture functions write the common case themselves
CREATE OR REPLACE FUNCTION {{ audit }}.append_event(
    p_table_id integer,
    p_table_version integer,
    p_operation "char",
    p_tenant_id text,
    p_record_key text,
    p_old_values jsonb,
    p_new_values jsonb,
    p_personal_old jsonb DEFAULT NULL,
    p_personal_new jsonb DEFAULT NULL,
    p_subject text DEFAULT NULL,
    p_key_is_personal boolean DEFAULT false,
    p_row_xmin xid DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER -- callers have no right on the log
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    -- before the number is drawn: verify relies on later transactions having higher numbers
    v_transaction_id bigint := txid_current();
    v_event_id bigint := nextval({{ event_id_seq }});
    v_now timestamptz := clock_timestamp();
    v_client jsonb := {{ audit }}.read_context(p_operation::text);
    v_context jsonb := coalesce(v_client, '{}') || {% include 'snippets/session_context.sql' %};
    v_personal_fields text[] := {{ personal_context }};
    v_personal_context jsonb;
    v_key text := p_record_key;
    v_old jsonb := p_old_values;
    v_new jsonb := p_new_values;
    v_personal_old jsonb := p_personal_old;
    v_personal_new jsonb := p_personal_new;
    v_salt bytea;
    v_commitment bytea;
BEGIN
    IF octet_length(v_key) > 1000 THEN
        v_key := 'sha256:' || encode(sha256(convert_to(v_key, 'UTF8')), 'hex');
    END IF;
    IF pg_column_size(v_old) > 20000 OR pg_column_size(v_new) > 20000
        OR pg_column_size(v_personal_old) > 20000 OR pg_column_size(v_personal_new) > 20000
    THEN
        v_old := {{ audit }}.bounded_image(v_old);
        v_new := {{ audit }}.bounded_image(v_new);
        v_personal_old := {{ audit }}.bounded_image(v_personal_old);
        v_personal_new := {{ audit }}.bounded_image(v_personal_new);
    END IF;
    IF p_key_is_personal AND v_key IS NOT NULL THEN
        v_salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
        INSERT INTO {{ audit }}.personal_keys (event_id, occurred_at, tenant_id, table_id, record_key, salt)
        VALUES (v_event_id, v_now, p_tenant_id, p_table_id, v_key, v_salt);
        v_key := 'sha256:' || encode(sha256(v_salt || convert_to(v_key, 'UTF8')), 'hex');
    END IF;
    IF v_context ?| v_personal_fields THEN
        SELECT jsonb_object_agg(f.key, f.value) INTO v_personal_context
        FROM jsonb_each(v_context) AS f
        WHERE f.key = ANY (v_personal_fields) AND f.value <> 'null';
        v_context := v_context - v_personal_fields;
    END IF;
    IF coalesce(v_personal_old, v_personal_new, v_personal_context) IS NOT NULL THEN
        v_salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
        v_commitment := sha256(v_salt || convert_to(
            jsonb_build_array(v_personal_old, v_personal_new, v_personal_context)::text, 'UTF8'
        ));
        INSERT INTO {{ audit }}.personal_values (
            event_id, occurred_at, tenant_id, subject, salt, old_values, new_values, context
{% if regions_of_tables %}
            , table_id
{% endif %}
        ) VALUES (
            v_event_id, v_now, p_tenant_id, p_subject, v_salt, v_personal_old, v_personal_new, v_personal_context
{% if regions_of_tables %}
            , p_table_id
{% endif %}
        );
    END IF;
    INSERT INTO {{ audit }}.change_events (
        event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
        record_key, actor_id, action, context, old_values, new_values, personal_commitment
    ) VALUES (
        v_event_id, v_now, v_transaction_id, p_table_id, p_table_version, p_row_xmin, p_operation, p_tenant_id,
        v_key, v_client ->> 'actor_id', v_client ->> 'action', v_context - '{actor_id,action}'::text[],
        v_old, v_new, v_commitment
    );
    RETURN v_event_id;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.append_event(
    integer, integer, "char", text, text, jsonb, jsonb, jsonb, jsonb, text, boolean, xid
) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.append_event(
    integer, integer, "char", text, text, jsonb, jsonb, jsonb, jsonb, text, boolean, xid
) IS 'Appends one event; returns its event_id.';

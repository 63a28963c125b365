-- object:   function audit.tg_capture_<table_id>()
-- requires: functions/append_event.sql, functions/capture_query.sql
-- purpose:  records row changes of one table; made for its columns as they are
CREATE OR REPLACE FUNCTION {{ audit }}.{{ function }}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
{% for pin in pins %}
SET {{ pin.name }} = {{ pin.value }}
{% endfor %}
AS {{ quote }}
DECLARE
    v_table_version CONSTANT integer := {{ table_version }};
    v_slow boolean := false;
    v_lenient boolean := false;
    v_shape jsonb;
    v_row_query text;
    v_moves boolean := false;
    v_tenant text;
    v_tenant_after text;
    v_key text;
    v_old jsonb;
    v_new jsonb;
    v_personal_old jsonb;
    v_personal_new jsonb;
    v_subject text;
    v_subject_after text;
    v_ignored text;
    v_xmin xid;
    v_raw boolean;
    v_raw_personal boolean;
    v_client jsonb;
BEGIN
{% if partitioned or not quick %}
    IF TG_OP = 'UPDATE' THEN
{% include 'triggers/no_change.sql' %}

    END IF;
{% endif %}
{% if partitioned %}
{% include 'triggers/own_table.sql' %}
{% endif %}
{% if lends %}
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND ({{ lent }})) THEN
        PERFORM {{ audit }}.note_tenant({{ table_id }}, {{ new.key }}, {{ new.tenant }});
    END IF;
{% endif %}
{% if quick %}
{% include 'triggers/images_quick.sql' %}

{% else %}
{% include 'triggers/images_safe.sql' %}

{% endif %}
    IF v_slow THEN
        v_shape := {{ shape }};
        BEGIN
{% include 'triggers/images_generic.sql' %}

        EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            v_lenient := true;
{% include 'triggers/images_generic.sql' %}

        END;
    END IF;
{% if simple %}
    IF TG_OP = 'UPDATE' AND v_old IS NULL THEN
        RETURN NULL; -- only columns changed that are not recorded
    END IF;
    IF current_setting({{ context_setting }}, true) <> '' THEN
        v_client := {{ audit }}.read_context(left(TG_OP, 1));
    END IF;
    IF v_moves OR octet_length(v_key) > 1000 OR v_client ?| {{ personal_context }}
        OR pg_column_size(v_old) > 20000 OR pg_column_size(v_new) > 20000
    THEN
{% include 'triggers/append.sql' %}

    END IF;
    -- the common case is written here, since the call would cost as much as the rest
    INSERT INTO {{ audit }}.change_events (
        event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
        record_key, actor_id, action, context, old_values, new_values
    ) VALUES (
        nextval({{ event_id_seq }}), clock_timestamp(), txid_current(), {{ table_id }}, v_table_version,
        v_xmin, left(TG_OP, 1)::"char", v_tenant, v_key, v_client ->> 'actor_id', v_client ->> 'action',
        coalesce(v_client - '{actor_id,action}'::text[], '{}')
            || {% include 'snippets/session_context.sql' %},
        v_old, v_new
    );
    RETURN NULL;
{% else %}
{% include 'triggers/append.sql' %}

{% endif %}
END;
{{ quote }};
REVOKE ALL ON FUNCTION {{ audit }}.{{ function }}() FROM PUBLIC;
{% if partitioner %}
-- a new partition gets a copy of the trigger, for which its maker needs this
GRANT EXECUTE ON FUNCTION {{ audit }}.{{ function }}() TO {{ partitioner }};
{% endif %}
COMMENT ON FUNCTION {{ audit }}.{{ function }}() IS {{ comment }};

-- object:   function audit.tg_bulk_<table_id>()
-- requires: functions/append_event.sql, functions/capture_query.sql
-- purpose:  records all rows of an INSERT or DELETE with one statement; made for the table's columns as they are
-- The transition table has one name in both triggers, and is read once and joined to nothing: whatever plan
-- the session keeps is as good for a million rows as for one.
CREATE OR REPLACE FUNCTION {{ audit }}.{{ function }}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
SET jit = off -- compiling would take longer than it saves
{% for pin in pins %}
SET {{ pin.name }} = {{ pin.value }}
{% endfor %}
AS {{ quote }}
#variable_conflict use_variable
DECLARE
    v_table_version CONSTANT integer := {{ table_version }};
    v_operation CONSTANT "char" := left(TG_OP, 1)::"char";
    v_lenient boolean := false;
    v_shape jsonb;
    v_recorded jsonb;
    v_personal jsonb;
    v_key text;
    v_tenant text;
    v_subject text;
    v_transaction_id bigint;
    v_client jsonb;
    v_context jsonb;
    v_actor text;
    v_action text;
BEGIN
    IF NOT EXISTS (SELECT FROM changed_rows) THEN
        RETURN NULL;
    END IF;
    IF current_setting({{ context_setting }}, true) <> '' THEN
        v_client := {{ audit }}.read_context(v_operation::text);
    END IF;
    IF (v_client ?| {{ personal_context }}) IS NOT TRUE THEN
        v_transaction_id := txid_current(); -- before numbers are drawn, see append_event
        v_actor := v_client ->> 'actor_id';
        v_action := v_client ->> 'action';
        v_context := coalesce(v_client - '{actor_id,action}'::text[], '{}')
            || {% include 'snippets/session_context.sql' %};
{% if not tenant_is_column %}
        v_tenant := {{ row.tenant }};
{% endif %}
        BEGIN
{% if personal %}
{% include 'triggers/bulk_personal.sql' %}
{% else %}
            INSERT INTO {{ audit }}.change_events (
                event_id, occurred_at, transaction_id, table_id, table_version, operation, tenant_id,
                record_key, actor_id, action, context, old_values, new_values
            )
            SELECT
                nextval({{ event_id_seq }}), clock_timestamp(), v_transaction_id, {{ table_id }}, v_table_version,
                v_operation, a.tenant,
                CASE WHEN octet_length(a.key) > 1000
                    THEN 'sha256:' || encode(sha256(convert_to(a.key, 'UTF8')), 'hex') ELSE a.key END,
                v_actor, v_action, v_context,
                CASE WHEN v_operation = 'I' THEN NULL WHEN pg_column_size(a.image) > 20000
                    THEN {{ audit }}.bounded_image(a.image) ELSE a.image END,
                CASE WHEN v_operation = 'D' THEN NULL WHEN pg_column_size(a.image) > 20000
                    THEN {{ audit }}.bounded_image(a.image) ELSE a.image END
            FROM (
                SELECT
                    {% if tenant_is_column %}{{ row.tenant }}{% else %}v_tenant{% endif %} AS tenant,
                    {{ row.key }} AS key,
                    {{ row.recorded }} AS image
                FROM changed_rows AS r
                OFFSET 0 -- each value is made once
            ) AS a;
{% endif %}
            RETURN NULL;
        EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            v_lenient := true;
        END;
    END IF;
    v_shape := {{ shape }};
    BEGIN
{% include 'triggers/bulk_rows.sql' %}
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
        -- a value that jsonb cannot hold must not abort the user's write
        v_lenient := true;
{% include 'triggers/bulk_rows.sql' %}
    END;
    RETURN NULL;
END;
{{ quote }};
REVOKE ALL ON FUNCTION {{ audit }}.{{ function }}() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.{{ function }}() IS {{ comment }};

-- object:   function audit.tg_bulk_generic_<table_id>() (or tg_bulk_<table_id>() where no event trigger guards it)
-- requires: functions/append_event.sql, functions/capture_query.sql
-- purpose:  records all rows of an INSERT or DELETE whatever the columns are; after a change of definition the
--           DDL watch puts this body, with the new table_version and columns, in the place of the specialised one
CREATE OR REPLACE FUNCTION {{ audit }}.{{ function }}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
{% include 'snippets/image_settings.sql' %}
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
BEGIN
    IF NOT EXISTS (SELECT FROM changed_rows) THEN
        RETURN NULL;
    END IF;
{% if guarded %}
    NULL; -- columns: use_generic_capture puts them here
{% else %}
    -- Nothing tells this function of DDL, so it reads the catalogs for each statement.
    v_shape := {{ audit }}.capture_shape(
        TG_RELID,
        {{ audit }}.current_attnums(TG_RELID, {{ key_attnums }}, {{ numbers }}, {{ highest }}),
        {{ audit }}.current_attnums(TG_RELID, {{ excluded_attnums }}, {{ numbers }}, {{ highest }}),
        {{ audit }}.current_attnums(TG_RELID, {{ personal_attnums }}, {{ numbers }}, {{ highest }}),
        ({{ audit }}.current_attnums(TG_RELID, ARRAY[{{ tenant_attnum }}], {{ numbers }}, {{ highest }}))[1],
        ({{ audit }}.current_attnums(TG_RELID, ARRAY[{{ subject_attnum }}], {{ numbers }}, {{ highest }}))[1]
    );
{% endif %}
    BEGIN
{% include 'triggers/bulk_rows.sql' %}
    EXCEPTION
{% if not guarded %}
        WHEN undefined_column THEN
            -- a snapshot from before the column had its name; which column is which is not known
            FOR v_recorded IN
                SELECT jsonb_build_object('~row', {{ audit }}.digest_value(r.*)) FROM changed_rows AS r
            LOOP
                v_personal := NULL;
                v_key := NULL;
                v_subject := NULL;
                v_tenant := NULL;
                v_tenant := {{ generic_tenant }};
{% include 'triggers/bulk_append.sql' %}
            END LOOP;
{% endif %}
        WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            -- a value that jsonb cannot hold must not abort the user's write
            v_lenient := true;
{% include 'triggers/bulk_rows.sql' %}
    END;
    RETURN NULL;
END;
{{ quote }};
REVOKE ALL ON FUNCTION {{ audit }}.{{ function }}() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.{{ function }}() IS {{ comment }};

-- object:   function audit.follow_definition(audit.audited_tables, jsonb)
-- requires: functions/current_attnums.sql, functions/record_table_version.sql, functions/use_generic_capture.sql
-- purpose:  where a table's columns or name changed, the generic capture function takes over, and the log says so
CREATE OR REPLACE FUNCTION {{ audit }}.follow_definition(p_table {{ audit }}.audited_tables, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_version {{ audit }}.table_versions;
    v_before text;
    v_name text := p_table.relation::regclass::text;
    v_number integer;
BEGIN
    SELECT * INTO STRICT v_version
    FROM {{ audit }}.table_versions AS v
    WHERE v.table_id = p_table.table_id AND v.table_version = p_table.table_version;
    v_before := format('%I.%I', v_version.schema_name, v_version.table_name);
    IF p_table.fingerprint = {{ audit }}.column_fingerprint(p_table.relation) AND v_name = v_before THEN
        RETURN;
    END IF;
    UPDATE {{ audit }}.audited_tables AS t
    SET key_attnums = {{ audit }}.current_attnums(t.relation, t.key_attnums, c.numbers, c.highest),
        excluded_attnums = {{ audit }}.current_attnums(t.relation, t.excluded_attnums, c.numbers, c.highest),
        personal_attnums = {{ audit }}.current_attnums(t.relation, t.personal_attnums, c.numbers, c.highest),
        tenant_attnum = (
            {{ audit }}.current_attnums(t.relation, ARRAY[t.tenant_attnum], c.numbers, c.highest)
        )[1],
        subject_attnum = (
            {{ audit }}.current_attnums(t.relation, ARRAY[t.subject_attnum], c.numbers, c.highest)
        )[1]
    FROM (
        SELECT jsonb_object_agg(j.value ->> 'name', j.value -> 'attnum') AS numbers,
            max((j.value ->> 'attnum')::smallint) AS highest
        FROM jsonb_array_elements(v_version.columns) AS j
    ) AS c
    WHERE t.table_id = p_table.table_id;
    -- The registry first: CREATE FUNCTION fires the DDL watch again, which must find nothing to do.
    v_number := {{ audit }}.record_table_version(p_table.table_id);
    UPDATE {{ audit }}.audited_tables AS t SET specialised = false WHERE t.table_id = p_table.table_id;
    PERFORM {{ audit }}.record_control('table-changed', p_statement || (
        SELECT jsonb_build_object(
            'table', v_name, 'columns', v.columns, 'key', v.key_columns, 'table_before', v_before
        )
        FROM {{ audit }}.table_versions AS v
        WHERE v.table_id = p_table.table_id AND v.table_version = v_number
    ), p_table.table_id);
    -- last: the watch, which sees the function made, finds the event that tells why
    PERFORM {{ audit }}.use_generic_capture(p_table.table_id, v_number);
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.follow_definition({{ audit }}.audited_tables, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.follow_definition({{ audit }}.audited_tables, jsonb) IS 'Keeps capture fit for a table whose definition changed.';

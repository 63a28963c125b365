-- object:   function audit.record_dropped(integer, jsonb)
-- requires: functions/record_control.sql, tables/descendants.sql
-- purpose:  an audited table is gone: the registry lets go of it, its events stay
CREATE OR REPLACE FUNCTION {{ audit }}.record_dropped(p_table_id integer, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    UPDATE {{ audit }}.audited_tables AS t
    SET enabled = false, relation = 0 -- in a restored copy its number may be another table's
    WHERE t.table_id = p_table_id;
    DELETE FROM {{ audit }}.descendants AS d WHERE d.table_id = p_table_id;
    PERFORM {{ audit }}.record_control('table-dropped', p_statement || (
        SELECT jsonb_build_object('table', format('%I.%I', v.schema_name, v.table_name))
        FROM {{ audit }}.audited_tables AS t
        INNER JOIN {{ audit }}.table_versions AS v
            ON v.table_id = t.table_id AND v.table_version = t.table_version
        WHERE t.table_id = p_table_id
    ), p_table_id);
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.record_dropped(integer, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.record_dropped(integer, jsonb) IS 'Takes a table that was dropped out of the registry.';

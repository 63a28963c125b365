-- object:   function audit.tg_ddl_data()
-- requires: functions/record_control.sql
-- purpose:  DDL that changes what rows hold, or how they read, fires no trigger of the table; the log says so
-- ALTER TABLE … TYPE text USING 'x' leaves every column's definition as it was, and changes every row.
CREATE OR REPLACE FUNCTION {{ audit }}.tg_ddl_data()
RETURNS event_trigger
LANGUAGE plpgsql
SECURITY DEFINER -- whoever changes a table has no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on
SET quote_all_identifiers = off
AS $fn$
DECLARE
    v_relations oid[];
    v_kind text;
    v_detail jsonb := jsonb_build_object('command', tg_tag, 'query', left(current_query(), 8000));
    v_table record;
BEGIN
    IF NOT (SELECT q.is_called FROM {{ audit }}.event_id_seq AS q) THEN
        RETURN; -- the log is being restored (pg_restore --data-only): numbers from here would be taken twice
    END IF;
    IF tg_event = 'table_rewrite' THEN
        v_relations := ARRAY[pg_event_trigger_table_rewrite_oid()];
        v_kind := 'table-rewritten';
    ELSE
        WITH RECURSIVE used AS (
            SELECT CASE d.classid WHEN 'pg_class'::regclass THEN c.reltype ELSE d.objid END AS oid
            FROM pg_event_trigger_ddl_commands() AS d
            LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
            WHERE d.classid IN ('pg_type'::regclass, 'pg_class'::regclass)
            UNION
            SELECT t.oid
            FROM used AS u
            INNER JOIN pg_type AS t ON u.oid IN (t.typelem, t.typbasetype)
                OR EXISTS (SELECT FROM pg_range AS r WHERE r.rngtypid = t.oid AND r.rngsubtype = u.oid)
                OR EXISTS (
                    SELECT FROM pg_attribute AS a
                    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.atttypid = u.oid
                        AND NOT a.attisdropped
                )
        )

        SELECT array_agg(DISTINCT a.attrelid)
        INTO v_relations
        FROM used AS u
        INNER JOIN pg_attribute AS a ON a.atttypid = u.oid AND NOT a.attisdropped;
        v_kind := 'type-changed';
    END IF;
    FOR v_table IN
        WITH RECURSIVE above AS (
            SELECT unnest(v_relations) AS relation
            UNION
            SELECT i.inhparent
            FROM above AS u
            INNER JOIN pg_inherits AS i ON i.inhrelid = u.relation
        )

        SELECT t.table_id, format('%I.%I', v.schema_name, v.table_name) AS name, v.columns
        FROM {{ audit }}.audited_tables AS t
        INNER JOIN {{ audit }}.table_versions AS v
            ON v.table_id = t.table_id AND v.table_version = t.table_version
        WHERE t.enabled AND t.relation IN (SELECT u.relation FROM above AS u)
        ORDER BY t.table_id
    LOOP
        PERFORM {{ audit }}.record_control(
            v_kind, v_detail || jsonb_build_object('table', v_table.name, 'columns', v_table.columns), v_table.table_id
        )
        WHERE NOT EXISTS ( -- of a partitioned table each partition is rewritten
            SELECT FROM {{ audit }}.change_events AS e
            WHERE e.transaction_id = txid_current() AND e.table_id = v_table.table_id AND e.operation = 'C'
                AND e.new_values @> (v_detail || jsonb_build_object('kind', v_kind))
        );
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.tg_ddl_data() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.tg_ddl_data() IS 'Event trigger: records that rows were rewritten, or that a type they use has changed.';

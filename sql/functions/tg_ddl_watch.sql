-- object:   function audit.tg_ddl_watch()
-- requires: functions/touched_tables.sql, functions/follow_definition.sql, functions/follow_triggers.sql, functions/follow_partitions.sql, functions/record_dropped.sql, functions/watch_kit.sql
-- purpose:  a changed table goes on being recorded, from its first write; what was done to it is on record
CREATE OR REPLACE FUNCTION {{ audit }}.tg_ddl_watch()
RETURNS event_trigger
LANGUAGE plpgsql
SECURITY DEFINER -- whoever changes a table has no right on the registry
SET search_path = pg_catalog, pg_temp
SET row_security = on
SET standard_conforming_strings = on
SET quote_all_identifiers = off -- fingerprints hold names
AS $fn$
DECLARE
    v_table {{ audit }}.audited_tables;
    v_touched boolean := false;
    v_statement jsonb := jsonb_build_object('command', tg_tag, 'query', left(current_query(), 8000));
    -- for tg_ddl_lend, which fires next; set by nobody else in between
    c_to_do CONSTANT text := format('pgaudit_kit.to_do_%s', {{ schema_literal }}::regnamespace::oid);
BEGIN
    IF tg_event = 'ddl_command_end' THEN
        PERFORM set_config(c_to_do, '', true);
    END IF;
    IF NOT (SELECT q.is_called FROM {{ audit }}.event_id_seq AS q) THEN
        RETURN; -- the log is being restored (pg_restore --data-only): numbers from here would be taken twice
    END IF;
    PERFORM {{ audit }}.watch_kit(tg_event, tg_tag, v_statement);
    IF tg_event = 'ddl_command_end' AND tg_tag = 'GRANT' THEN
        -- only what is attached has rows
        PERFORM {{ audit }}.record_lent(v_statement || '{"command": "ALTER TABLE"}');
        RETURN;
    END IF;
    FOR v_table IN SELECT * FROM {{ audit }}.touched_tables(tg_event) LOOP
        v_touched := true;
        IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = v_table.relation) THEN
            PERFORM {{ audit }}.follow_definition(v_table, v_statement);
            PERFORM {{ audit }}.follow_triggers(v_table, v_statement);
            PERFORM {{ audit }}.follow_partitions(v_table.table_id, v_statement);
        ELSE
            PERFORM {{ audit }}.record_dropped(v_table.table_id, v_statement);
        END IF;
    END LOOP;
    IF v_touched AND tg_event = 'ddl_command_end' THEN
        PERFORM set_config(c_to_do, {{ audit }}.offer_partitions()::text, true);
    END IF;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.tg_ddl_watch() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.tg_ddl_watch() IS 'Event trigger: keeps capture fit for changed tables and records what was done to them.';

-- object:   function audit.tg_ddl_rearm()
-- requires: functions/stamp_partition.sql, functions/record_control.sql
-- purpose:  DISABLE TRIGGER ALL and ENABLE TRIGGER ALL turns ALWAYS into ORIGIN, unseen; this turns it back,
--           and guards partitions of the log that somebody else makes, such as pg_partman's maintenance
-- Runs as whoever altered the table, who alone may do that. It fires after tg_ddl_watch, which records both.
CREATE OR REPLACE FUNCTION {{ audit }}.tg_ddl_rearm()
RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_trigger record;
    v_leaf regclass;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() AS d
        WHERE d.classid = 'pg_trigger'::regclass -- CREATE OR REPLACE TRIGGER makes it ORIGIN
            OR (
                d.classid = 'pg_class'::regclass AND d.schema_name <> 'pg_temp'
                AND d.command_tag IN ('CREATE TABLE', 'ALTER TABLE', 'ALTER FOREIGN TABLE')
            )
    ) THEN
        RETURN; -- nothing else makes partitions or switches triggers
    END IF;
    IF coalesce(current_setting('pgaudit_kit.stamping', true), '') <> 'on' THEN
        FOR v_leaf IN
            SELECT c.oid::regclass
            FROM pg_class AS o
            INNER JOIN pg_inherits AS i ON i.inhparent = o.oid
            INNER JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE o.relnamespace = {{ schema_literal }}::regnamespace AND o.relkind = 'p'
                AND NOT c.relrowsecurity -- new: a partition that was guarded once has this, or a guard, left
                AND NOT EXISTS (
                    SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgname = 'append_only_truncate'
                )
                AND pg_has_role(current_user, c.relowner, 'USAGE')
                AND pg_has_role(current_user, {{ owner_literal }}, 'USAGE')
            ORDER BY o.relispartition -- parents first
        LOOP
            PERFORM {{ audit }}.stamp_partition(v_leaf);
            PERFORM {{ audit }}.record_control('partition-stamped', jsonb_build_object('table', v_leaf::text));
        END LOOP;
    END IF;
    FOR v_trigger IN
        SELECT g.tgrelid, g.tgname
        FROM pg_trigger AS g
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE g.tgfoid IN (SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = {{ schema_literal }}::regnamespace)
            AND g.tgenabled IN ('O', 'R')
            AND pg_has_role(current_user, c.relowner, 'USAGE')
    LOOP
        EXECUTE format(
            'ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', v_trigger.tgrelid::regclass, v_trigger.tgname
        );
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.tg_ddl_rearm() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.tg_ddl_rearm() IS 'Event trigger: keeps the kit''s triggers ALWAYS, and guards partitions that others make.';

-- object:   function audit.tg_ddl_lend()
-- requires: functions/tg_ddl_watch.sql
-- purpose:  what the kit's owner may not do for a partition that came or went: its TRUNCATE triggers, and a grant
-- Runs as whoever made, attached or detached the partition, between tg_ddl_watch and tg_ddl_rearm, and does
-- what tg_ddl_watch has just asked for, on that role's own tables alone. While GRANT runs, the watch reads
-- the rows; no statement of that role's comes in between.
CREATE OR REPLACE FUNCTION {{ audit }}.tg_ddl_lend()
RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $fn$
DECLARE
    v_do record;
    v_trigger record;
    v_make text;
    v_always text;
    v_definition text;
    c_to_do CONSTANT text := format('pgaudit_kit.to_do_%s', {{ schema_literal }}::regnamespace::oid);
BEGIN
    FOR v_do IN
        SELECT d.*, c.oid::regclass AS name, c.relispartition,
            format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) AS quoted
        FROM jsonb_to_recordset(nullif(current_setting(c_to_do, true), '')::jsonb)
            AS d (relation oid, is_gone boolean, to_read boolean, table_id integer, triggers jsonb)
        INNER JOIN pg_class AS c ON c.oid = d.relation AND pg_has_role(current_user, c.relowner, 'USAGE')
        INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LOOP
        FOR v_trigger IN
            SELECT t.key AS name, t.value AS fires
            FROM jsonb_each_text(v_do.triggers) AS t
            WHERE v_do.relispartition AND has_function_privilege({{ truncate_function }}::regproc, 'EXECUTE')
                AND NOT EXISTS (
                    SELECT FROM pg_trigger AS g WHERE g.tgrelid = v_do.relation AND g.tgname = t.key
                )
        LOOP
            -- the text that the kit's renderer gives: the comment holds its digest
            v_make := format(
                E'CREATE OR REPLACE TRIGGER "%1$s"\n%2$s TRUNCATE ON %3$s\n'
                'FOR EACH STATEMENT EXECUTE FUNCTION "%4$s"."tg_truncate"(''%5$s'');\n',
                replace(v_trigger.name, '"', '""'),
                CASE v_trigger.fires WHEN 'BEFORE' THEN 'BEFORE' ELSE 'AFTER' END,
                v_do.quoted,
                replace({{ schema_name }}, '"', '""'), v_do.table_id
            );
            v_always := format(
                E'ALTER TABLE %s ENABLE ALWAYS TRIGGER "%s";\n', v_do.quoted, replace(v_trigger.name, '"', '""')
            );
            EXECUTE v_make;
            EXECUTE v_always;
            SELECT format(E'%s\nA', pg_get_triggerdef(g.oid)) INTO v_definition
            FROM pg_trigger AS g
            WHERE g.tgrelid = v_do.relation AND g.tgname = v_trigger.name;
            EXECUTE format(
                'COMMENT ON TRIGGER %I ON %s IS %L', v_trigger.name, v_do.name,
                format('[pgaudit-kit sha256:%s%s on %s]',
                    left(encode(sha256(convert_to(v_make || v_always, 'UTF8')), 'hex'), 32),
                    left(encode(sha256(convert_to(v_definition, 'UTF8')), 'hex'), 32),
                    current_setting('server_version_num')::integer / 10000)
            );
        END LOOP;
        IF v_do.to_read AND v_do.relispartition AND NOT has_table_privilege({{ owner_literal }}, v_do.relation, 'SELECT') THEN
            EXECUTE format('GRANT SELECT ON TABLE %s TO %I', v_do.name, {{ owner_literal }});
            EXECUTE format('REVOKE SELECT ON TABLE %s FROM %I', v_do.name, {{ owner_literal }});
        END IF;
        FOR v_trigger IN
            SELECT g.tgname AS name
            FROM pg_trigger AS g
            WHERE v_do.is_gone AND NOT v_do.relispartition
                AND g.tgrelid = v_do.relation AND g.tgfoid = {{ truncate_function }}::regproc
        LOOP
            EXECUTE format('DROP TRIGGER %I ON %s', v_trigger.name, v_do.name);
        END LOOP;
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.tg_ddl_lend() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.tg_ddl_lend() IS 'Event trigger: gives a new partition its TRUNCATE triggers, lends SELECT on it, and clears a detached one.';

CREATE OR REPLACE FUNCTION "audit".tg_ddl_lend()
RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_do record;
    v_privileges text;
    c_to_do CONSTANT text := format('pgaudit_kit.to_do_%s', '"audit"'::regnamespace::oid);
BEGIN
    FOR v_do IN
        SELECT c.oid::regclass AS relation, c.relispartition, d.act, d.to_read, d.to_arm, g.tgname, d.comment
        FROM jsonb_to_recordset(nullif(current_setting(c_to_do, true), '')::jsonb)
            AS d (relation oid, act text, to_read boolean, to_arm boolean, trigger name, comment text)
        INNER JOIN pg_class AS c ON c.oid = d.relation AND pg_has_role(current_user, c.relowner, 'USAGE')
        LEFT JOIN pg_trigger AS g
            ON g.tgrelid = c.oid AND g.tgfoid = '"audit"."tg_truncate"'::regproc
            AND (d.act = 'drop' OR (d.act = 'comment' AND g.tgname = d.trigger))
    LOOP
        IF v_do.act = 'lend' AND v_do.relispartition THEN
            v_privileges := concat_ws(', ', CASE WHEN v_do.to_read THEN 'SELECT' END, CASE WHEN v_do.to_arm THEN 'TRIGGER' END);
            EXECUTE format('GRANT %s ON TABLE %s TO %I', v_privileges, v_do.relation, 'pgaudit_kit_owner');
            EXECUTE format('REVOKE %s ON TABLE %s FROM %I', v_privileges, v_do.relation, 'pgaudit_kit_owner');
        ELSIF v_do.act = 'comment' AND v_do.tgname IS NOT NULL THEN
            EXECUTE format('COMMENT ON TRIGGER %I ON %s IS %L', v_do.tgname, v_do.relation, v_do.comment);
        ELSIF v_do.act = 'drop' AND v_do.tgname IS NOT NULL AND NOT v_do.relispartition THEN
            EXECUTE format('DROP TRIGGER %I ON %s', v_do.tgname, v_do.relation);
        END IF;
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".tg_ddl_lend() FROM PUBLIC;
COMMENT ON FUNCTION "audit".tg_ddl_lend() IS 'Event trigger: lends privileges on a new partition, and clears a detached one.';

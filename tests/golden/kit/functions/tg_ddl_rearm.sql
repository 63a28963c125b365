CREATE OR REPLACE FUNCTION "audit".tg_ddl_rearm()
RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_trigger record;
BEGIN
    FOR v_trigger IN
        SELECT g.tgrelid, g.tgname
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE p.pronamespace = '"audit"'::regnamespace
            AND g.tgenabled IN ('O', 'R')
            AND pg_has_role(current_user, c.relowner, 'USAGE')
    LOOP
        EXECUTE format(
            'ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', v_trigger.tgrelid::regclass, v_trigger.tgname
        );
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".tg_ddl_rearm() FROM PUBLIC;
COMMENT ON FUNCTION "audit".tg_ddl_rearm() IS 'Event trigger: keeps the kit''s triggers ALWAYS.';

-- object:   function audit.stamp_partition(regclass)
-- requires: functions/tg_append_only.sql
-- purpose:  gives a partition what its parent does not pass on: row security, policies, TRUNCATE guard, no statistics, no grants
CREATE OR REPLACE FUNCTION {{ audit }}.stamp_partition(p_partition regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_parent oid;
    v_policy record;
    v_grantee oid;
    v_part regclass;
    v_stamping text := coalesce(current_setting('pgaudit_kit.stamping', true), '');
BEGIN
    PERFORM set_config('pgaudit_kit.stamping', 'on', true); -- tg_ddl_rearm looks away
    SELECT i.inhparent INTO STRICT v_parent FROM pg_inherits AS i WHERE i.inhrelid = p_partition;
    EXECUTE format('ALTER TABLE %s OWNER TO %I, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', p_partition, (
        SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = v_parent
    ));
    FOR v_policy IN SELECT l.polname FROM pg_policy AS l WHERE l.polrelid = p_partition LOOP
        EXECUTE format('DROP POLICY %I ON %s', v_policy.polname, p_partition);
    END LOOP;
    FOR v_policy IN
        SELECT
            l.polname,
            CASE l.polpermissive WHEN true THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END AS kind,
            CASE l.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                WHEN 'd' THEN 'DELETE' ELSE 'ALL' END AS command,
            (
                SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', ')
                FROM unnest(l.polroles) AS r
            ) AS roles,
            pg_get_expr(l.polqual, l.polrelid) AS visible,
            pg_get_expr(l.polwithcheck, l.polrelid) AS allowed
        FROM pg_policy AS l
        WHERE l.polrelid = v_parent
    LOOP
        EXECUTE format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', v_policy.polname, p_partition,
            v_policy.kind, v_policy.command, v_policy.roles)
            || coalesce(' USING (' || v_policy.visible || ')', '')
            || coalesce(' WITH CHECK (' || v_policy.allowed || ')', '');
    END LOOP;
    EXECUTE format('CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION {{ audit }}.tg_append_only()', p_partition);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only_truncate%s', p_partition, (
        -- EXPLAIN would tell of what is in them
        SELECT string_agg(format(', ALTER COLUMN %I SET STATISTICS 0', c.attname), '' ORDER BY c.attnum)
        FROM pg_attribute AS a
        INNER JOIN pg_attribute AS c ON c.attrelid = p_partition AND c.attname = a.attname
        WHERE a.attrelid = v_parent AND a.attnum > 0 AND a.attstattarget = 0 AND c.attstattarget IS DISTINCT FROM 0
    ));
    -- default privileges may have granted something
    FOR v_grantee IN
        SELECT DISTINCT a.grantee
        FROM pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE c.oid = p_partition AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', p_partition,
            CASE v_grantee WHEN 0 THEN 'PUBLIC' ELSE v_grantee::regrole::text END);
    END LOOP;
    -- where it is divided by region
    FOR v_part IN SELECT i.inhrelid::regclass FROM pg_inherits AS i WHERE i.inhparent = p_partition LOOP
        PERFORM {{ audit }}.stamp_partition(v_part);
    END LOOP;
    PERFORM set_config('pgaudit_kit.stamping', v_stamping, true);
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.stamp_partition(regclass) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.stamp_partition(regclass) IS 'Makes a partition of the log as guarded as its parent.';

CREATE OR REPLACE FUNCTION "audit".grant_to_owners(p_table_id integer)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_missing record;
BEGIN
    FOR v_missing IN
        SELECT DISTINCT f.oid::regprocedure AS function, c.relowner AS role
        FROM "audit".audited_tables AS t
        CROSS JOIN LATERAL pg_partition_tree(t.relation) AS p
        INNER JOIN pg_class AS c ON c.oid = p.relid AND c.relkind = 'p'
        INNER JOIN pg_trigger AS g ON g.tgrelid = p.relid AND g.tgparentid = 0
        INNER JOIN pg_proc AS f ON f.oid = g.tgfoid AND f.pronamespace = '"audit"'::regnamespace
        WHERE t.table_id = p_table_id AND NOT has_function_privilege(c.relowner, f.oid, 'EXECUTE')
    LOOP
        EXECUTE format(
            'GRANT EXECUTE ON FUNCTION %s TO %I', v_missing.function, pg_get_userbyid(v_missing.role)
        );
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".grant_to_owners(integer) FROM PUBLIC;
COMMENT ON FUNCTION "audit".grant_to_owners(integer) IS 'Lets the owners of a partitioned table make partitions with the kit''s triggers.';

-- object:   function audit.grant_to_owners(integer)
-- requires: tables/audited_tables.sql
-- purpose:  whoever owns an audited partitioned table can go on making partitions of it
-- A partition gets copies of the row trigger from PostgreSQL, and TRUNCATE triggers by tg_ddl_lend, both in
-- the name of whoever makes it, who must be allowed to execute their functions. On tables that are not
-- theirs these functions record nothing.
CREATE OR REPLACE FUNCTION {{ audit }}.grant_to_owners(p_table_id integer)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_missing record;
BEGIN
    FOR v_missing IN
        SELECT DISTINCT f.oid::regprocedure AS function, c.relowner AS role
        FROM {{ audit }}.audited_tables AS t
        CROSS JOIN LATERAL pg_partition_tree(t.relation) AS p
        INNER JOIN pg_class AS c ON c.oid = p.relid AND c.relkind = 'p'
        INNER JOIN pg_trigger AS g ON g.tgrelid = p.relid AND g.tgparentid = 0
        INNER JOIN pg_proc AS f ON f.oid = g.tgfoid AND f.pronamespace = {{ schema_literal }}::regnamespace
        WHERE t.table_id = p_table_id AND NOT has_function_privilege(c.relowner, f.oid, 'EXECUTE')
    LOOP
        EXECUTE format(
            'GRANT EXECUTE ON FUNCTION %s TO %I', v_missing.function, pg_get_userbyid(v_missing.role)
        );
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.grant_to_owners(integer) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.grant_to_owners(integer) IS 'Lets the owners of a partitioned table make partitions with the kit''s triggers.';

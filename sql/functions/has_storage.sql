-- object:   function audit.has_storage(oid)
-- requires: schema/audit.sql
-- purpose:  whether a partition, or one below it, may hold rows
CREATE OR REPLACE FUNCTION {{ audit }}.has_storage(p_partition oid)
RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT EXISTS (
        SELECT FROM pg_partition_tree(p_partition) AS p
        INNER JOIN pg_class AS c ON c.oid = p.relid
        WHERE c.relkind = 'f' OR (c.relkind = 'r' AND pg_relation_size(c.oid) > 0)
    )
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.has_storage(oid) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.has_storage(oid) IS 'Whether a partition or one below it may hold rows.';

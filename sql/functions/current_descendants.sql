-- object:   function audit.current_descendants(oid)
-- requires: schema/audit.sql
-- purpose:  partitions and inheritance children below a table, at every level, each with the table above it
CREATE OR REPLACE FUNCTION {{ audit }}.current_descendants(p_relation oid)
RETURNS TABLE (relation oid, parent oid, is_partition boolean)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    WITH RECURSIVE below AS (
        SELECT i.inhrelid, i.inhparent
        FROM pg_inherits AS i
        WHERE i.inhparent = p_relation AND NOT i.inhdetachpending
        UNION
        SELECT i.inhrelid, i.inhparent
        FROM below AS b
        INNER JOIN pg_inherits AS i ON i.inhparent = b.inhrelid AND NOT i.inhdetachpending
    )

    SELECT DISTINCT ON (b.inhrelid) b.inhrelid, b.inhparent, c.relispartition
    FROM below AS b
    INNER JOIN pg_class AS c ON c.oid = b.inhrelid
    ORDER BY b.inhrelid, b.inhparent <> p_relation, b.inhparent
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.current_descendants(oid) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.current_descendants(oid) IS 'What is below a table: partitions and inheritance children.';

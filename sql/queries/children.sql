-- object:   (query)
-- purpose:  tables that inherit from these tables, one level down, first those that name them first as a parent
SELECT
    p.oid::bigint AS parent,
    n.nspname AS schema,
    c.relname AS name
FROM pg_class AS p
INNER JOIN pg_inherits AS i ON i.inhparent = p.oid
INNER JOIN pg_class AS c ON c.oid = i.inhrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.oid = ANY (%(oids)s::oid[]) AND c.relkind = 'r' AND NOT c.relispartition AND c.relpersistence <> 't'
ORDER BY i.inhseqno, n.nspname, c.relname

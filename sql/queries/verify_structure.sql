-- object:   (query)
-- purpose:  the tables that verify reads as they are, and whether this role sees all of their rows
SELECT
    c.relname AS name,
    c.relkind::text AS kind,
    has_table_privilege(c.oid, 'SELECT') AS readable,
    row_security_active(c.oid) AND (
        NOT EXISTS (
            SELECT FROM pg_policy AS p
            WHERE p.polrelid = c.oid AND p.polcmd IN ('*', 'r') AND p.polpermissive
                AND pg_get_expr(p.polqual, p.polrelid) = 'true'
                AND EXISTS (
                    SELECT FROM unnest(p.polroles) AS r (role)
                    WHERE CASE WHEN r.role = 0 THEN true ELSE pg_has_role(r.role, 'USAGE') END
                )
        )
        OR EXISTS (
            SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND NOT p.polpermissive
        )
    ) AS rows_hidden,
    (
        SELECT min(l.relname::text)
        FROM pg_partition_tree(c.oid) AS t
        INNER JOIN pg_class AS l ON l.oid = t.relid
        WHERE l.relkind NOT IN ('r', 'p')
    ) AS foreign_partition,
    (
        -- planning a query would run a function that somebody put into an index
        SELECT min(n.relname::text)
        FROM pg_index AS i
        INNER JOIN pg_class AS n ON n.oid = i.indexrelid
        WHERE (
                i.indrelid = c.oid
                OR i.indrelid IN (SELECT t.relid FROM pg_partition_tree(c.oid) AS t)
            )
            AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    ) AS foreign_index,
    (
        SELECT coalesce(json_object_agg(a.attname, format_type(a.atttypid, NULL)), '{}')
        FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS columns
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {{ schema_name }} AND c.relname = ANY (%(names)s::name[])

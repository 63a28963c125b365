-- object:   (query)
-- purpose:  each table of the kit with what guards it, a partition beside its parent
SELECT
    c.relname AS name,
    o.relname AS parent,
    coalesce(g.relname, o.relname, c.relname) AS root,
    c.relowner::regrole::text AS owner,
    c.relrowsecurity AND c.relforcerowsecurity AS row_security,
    (
        SELECT g.tgenabled::text FROM pg_trigger AS g
        WHERE g.tgrelid = c.oid AND g.tgname = 'append_only_row'
    ) AS row_guard,
    (
        SELECT g.tgenabled::text FROM pg_trigger AS g
        WHERE g.tgrelid = c.oid AND g.tgname = 'append_only_truncate'
    ) AS truncate_guard,
    (
        SELECT coalesce(array_agg(ROW(
            l.polname, l.polcmd, l.polpermissive, l.polroles,
            pg_get_expr(l.polqual, l.polrelid), pg_get_expr(l.polwithcheck, l.polrelid)
        )::text ORDER BY l.polname), '{}')
        FROM pg_policy AS l WHERE l.polrelid = c.oid
    ) AS policies,
    (
        SELECT coalesce(array_agg(ROW(
            l.polname, l.polcmd, l.polpermissive, l.polroles,
            pg_get_expr(l.polqual, l.polrelid), pg_get_expr(l.polwithcheck, l.polrelid)
        )::text ORDER BY l.polname), '{}')
        FROM pg_policy AS l WHERE l.polrelid = o.oid
    ) AS parent_policies
FROM pg_class AS c
LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
LEFT JOIN pg_class AS o ON o.oid = i.inhparent
LEFT JOIN pg_inherits AS a ON a.inhrelid = o.oid -- of a partition that is divided by region
LEFT JOIN pg_class AS g ON g.oid = a.inhparent
WHERE (
    to_regnamespace({{ schema_literal }}) IN (c.relnamespace, o.relnamespace, g.relnamespace)
) AND c.relkind IN ('r', 'p', 'f')
ORDER BY c.relname

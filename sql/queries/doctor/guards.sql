-- object:   (query)
-- purpose:  each table of the kit with what guards it, a partition beside its parent
SELECT
    c.relname AS name,
    o.relname AS parent,
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
WHERE (
    c.relnamespace = to_regnamespace({{ schema_literal }}) OR o.relnamespace = to_regnamespace({{ schema_literal }})
) AND c.relkind IN ('r', 'p', 'f')
ORDER BY c.relname

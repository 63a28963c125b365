-- object:   (query)
-- purpose:  tables that could be audited: whose, and whether the current role may put triggers on them
SELECT
    c.oid::bigint AS oid,
    c.relowner::regrole::text AS owner,
    pg_has_role(current_user, c.relowner, 'USAGE') AS ours
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND n.nspname <> {{ schema_name }}
    -- tables of other installations
    AND NOT (
        EXISTS (SELECT FROM pg_class AS k WHERE k.relnamespace = n.oid AND k.relname = 'change_events')
        AND EXISTS (SELECT FROM pg_class AS k WHERE k.relnamespace = n.oid AND k.relname = 'seal_state')
    )
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, c.relname

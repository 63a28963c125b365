-- object:   (query)
-- purpose:  what others than the owner may do with the kit's objects
SELECT s.kind, s.object, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS grantee, a.privilege_type AS privilege
FROM (
    SELECT 'schema' AS kind, n.nspname::text AS object, n.nspowner AS owner, n.nspacl AS acl
    FROM pg_namespace AS n
    WHERE n.nspname = {{ schema_name }}
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
        c.relname, c.relowner, c.relacl
    FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace({{ schema_literal }}) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END,
        format('%I.%I', c.relname, a.attname), c.relowner, a.attacl
    FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace = to_regnamespace({{ schema_literal }}) AND a.attacl IS NOT NULL
    UNION ALL
    SELECT 'function', p.proname, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc AS p
    WHERE p.pronamespace = to_regnamespace({{ schema_literal }})
) AS s
CROSS JOIN LATERAL aclexplode(s.acl) AS a
WHERE a.grantee <> s.owner
ORDER BY 1, 2, 3, 4

-- object:   (query)
-- purpose:  what others than the owner may do with the kit's objects
WITH objects AS (
    SELECT 'schema' AS kind, n.oid, n.nspname::text AS object, n.nspowner AS owner, n.nspacl AS acl
    FROM pg_namespace AS n
    WHERE n.nspname = {{ schema_name }}
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
        c.oid, c.relname, c.relowner, c.relacl
    FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace({{ schema_literal }}) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END,
        c.oid, format('%I.%I', c.relname, a.attname), c.relowner, a.attacl
    FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace = to_regnamespace({{ schema_literal }}) AND a.attacl IS NOT NULL
    UNION ALL
    SELECT 'function', p.oid, p.proname, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc AS p
    WHERE p.pronamespace = to_regnamespace({{ schema_literal }})
),

granted AS (
    SELECT o.kind, o.oid, o.object, a.grantee, a.privilege_type
    FROM objects AS o
    CROSS JOIN LATERAL aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner
)

SELECT
    g.kind, g.object, coalesce(nullif(g.grantee, 0)::regrole::text, 'PUBLIC') AS grantee,
    g.privilege_type AS privilege
FROM granted AS g
WHERE NOT (g.kind = 'function' AND EXISTS ({% include 'snippets/partitioner.sql' %}))
ORDER BY 1, 2, 3, 4

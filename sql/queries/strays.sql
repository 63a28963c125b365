-- object:   (query)
-- purpose:  what weakens the kit's own tables and was not made by it, each with the statement that mends it
WITH tables AS (
    SELECT
        c.oid, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, i.inhparent,
        format('%I.%I', n.nspname, c.relname) AS name,
        ARRAY[n.nspname::text, c.relname::text] AS names,
        c.relname = ANY ({{ viewed }}) AS viewed
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
    WHERE n.nspname = {{ schema_name }} AND c.relkind IN ('r', 'p')
),

granted AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.oid, c.relname::text AS name,
        format('%I.%I', n.nspname, c.relname) AS target, c.relkind::text AS relkind, c.relowner AS owner, a.*
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT x.grantee, x.privilege_type FROM aclexplode(c.relacl) AS x
        UNION
        SELECT x.grantee, x.privilege_type
        FROM pg_attribute AS t
        CROSS JOIN LATERAL aclexplode(t.attacl) AS x
        WHERE t.attrelid = c.oid
    ) AS a
    WHERE n.nspname = {{ schema_name }} AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    UNION ALL
    SELECT 'FUNCTION', p.oid, p.proname::text,
        format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), 'f', p.proowner,
        a.grantee, a.privilege_type
    FROM pg_proc AS p
    INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL aclexplode(p.proacl) AS a
    WHERE n.nspname = {{ schema_name }}
    UNION ALL
    SELECT 'SCHEMA', n.oid, n.nspname::text, format('%I', n.nspname), 'n', n.nspowner, a.grantee, a.privilege_type
    FROM pg_namespace AS n
    CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
    WHERE n.nspname = {{ schema_name }}
)

SELECT 'drop' AS op, 'grant' AS kind, format('%s on %s to %s', string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type),
    g.name, coalesce(r.rolname, 'PUBLIC')) AS target, 'granted by somebody else than the kit' AS why,
    format('REVOKE ALL ON %s %s FROM %s CASCADE', g.kind, g.target,
        coalesce(quote_ident(r.rolname), 'PUBLIC')) AS statement, true AS as_owner, NULL::text[] AS blocks
FROM granted AS g
LEFT JOIN pg_roles AS r ON r.oid = g.grantee
WHERE g.grantee <> g.owner AND NOT coalesce(
    CASE g.relkind
        WHEN 'n' THEN (g.grantee = 0 AND g.privilege_type = 'USAGE')
            OR (r.rolname = {{ view_literal }} AND g.privilege_type = 'CREATE')
        WHEN 'f' THEN r.rolname = ANY ({{ role_names }}) OR (g.grantee = 0 AND g.name = 'set_context')
            OR EXISTS ({% include 'snippets/partitioner.sql' %})
        WHEN 'v' THEN r.rolname = ANY ({{ role_names }})
        ELSE r.rolname = {{ view_literal }} AND g.privilege_type = 'SELECT'
            AND EXISTS (SELECT FROM tables AS t WHERE t.name = g.target AND t.viewed)
    END,
    false
)
GROUP BY g.kind, g.name, g.target, r.rolname
UNION ALL
SELECT 'create', 'grant', format('SELECT on %s to %s', t.relname, {{ view_literal }}), 'the reading views need it',
    format('GRANT SELECT ON TABLE %s TO %I', t.name, {{ view_literal }}), true, NULL
FROM tables AS t
WHERE t.viewed AND NOT has_table_privilege({{ view_literal }}, t.oid, 'SELECT')
UNION ALL
SELECT 'change', 'owner', t.relname, format('it belongs to %s', pg_get_userbyid(t.relowner)),
    format('ALTER TABLE %s OWNER TO %I', t.name, {{ owner_literal }}), false, t.names
FROM tables AS t
WHERE pg_get_userbyid(t.relowner) <> {{ owner_literal }}
UNION ALL
SELECT 'change', 'row security', t.relname, 'it was switched off', format(
    'ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY; ALTER TABLE %1$s FORCE ROW LEVEL SECURITY', t.name), true, t.names
FROM tables AS t
WHERE NOT (t.relrowsecurity AND t.relforcerowsecurity) AND t.relname <> 'alembic_version'
UNION ALL
SELECT 'change', 'partition', t.relname, 'its policies or guards are not those of its parent',
    format('SELECT %s.stamp_partition(%L::regclass)', {{ schema_literal }}, t.name), true, t.names
FROM tables AS t
WHERE t.inhparent IS NOT NULL AND (
    NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = t.oid AND g.tgname = 'append_only_truncate')
    OR ARRAY(
        SELECT ROW(l.polname, l.polcmd, l.polpermissive, l.polroles, pg_get_expr(l.polqual, l.polrelid),
            pg_get_expr(l.polwithcheck, l.polrelid))::text
        FROM pg_policy AS l WHERE l.polrelid = t.oid ORDER BY 1
    ) <> ARRAY(
        SELECT ROW(l.polname, l.polcmd, l.polpermissive, l.polroles, pg_get_expr(l.polqual, l.polrelid),
            pg_get_expr(l.polwithcheck, l.polrelid))::text
        FROM pg_policy AS l WHERE l.polrelid = t.inhparent ORDER BY 1
    )
)
UNION ALL
-- a trigger's copies on partitions, of the log and of audited tables, can be disabled one by one
SELECT 'change', 'trigger', format('%s on %s', g.tgname, g.tgrelid::regclass),
    CASE g.tgenabled WHEN 'D' THEN 'it was disabled' ELSE 'it is no longer ALWAYS' END,
    format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', g.tgrelid::regclass, g.tgname), fn.nspname = cn.nspname,
    ARRAY[cn.nspname::text, c.relname::text]
FROM pg_trigger AS g
INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
INNER JOIN pg_namespace AS fn ON fn.oid = p.pronamespace
INNER JOIN pg_class AS c ON c.oid = g.tgrelid
INNER JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
WHERE fn.nspname = {{ schema_name }} AND g.tgenabled <> 'A' AND c.relispartition
    AND (g.tgparentid <> 0 OR cn.nspname = {{ schema_name }})
UNION ALL
SELECT 'drop', 'trigger', format('%s on %s', g.tgname, t.relname), 'it is not the kit''s',
    format('DROP TRIGGER %I ON %s', g.tgname, t.name), true, t.names
FROM pg_trigger AS g
INNER JOIN tables AS t ON t.oid = g.tgrelid
INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname <> {{ schema_name }} AND NOT g.tgisinternal AND g.tgparentid = 0
UNION ALL
SELECT 'drop', 'rule', format('%s on %s', r.rulename, t.relname), 'it is not the kit''s',
    format('DROP RULE %I ON %s', r.rulename, t.name), true, t.names
FROM pg_rewrite AS r
INNER JOIN tables AS t ON t.oid = r.ev_class
ORDER BY 2, 3, 5

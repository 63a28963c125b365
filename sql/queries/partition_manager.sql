-- object:   (query)
-- purpose:  who makes the log's partitions, and whether pg_partman may: where it is, who could replace what it
--           runs, and what the kit's owner lacks there
WITH extension AS (
    SELECT e.oid, e.extversion, e.extowner, n.oid AS schema_oid, n.nspname, n.nspowner, n.nspacl
    FROM pg_extension AS e
    INNER JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_partman'
),

kit_owner AS (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = {{ owner_literal }}),

members AS (
    SELECT d.objid AS oid FROM pg_depend AS d
    INNER JOIN extension AS e ON d.refobjid = e.oid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
),

-- whoever installs acts for the kit's owner anyway
trusted AS (
    SELECT r.oid FROM pg_roles AS r
    WHERE r.rolsuper OR r.rolname = current_user
        OR EXISTS (SELECT FROM kit_owner AS o WHERE pg_has_role(r.oid, o.oid, 'MEMBER'))
),

doubts AS (
    SELECT format('its schema %I belongs to %I', e.nspname, pg_get_userbyid(e.nspowner)) AS doubt
    FROM extension AS e
    WHERE e.nspowner NOT IN (SELECT t.oid FROM trusted AS t)
    UNION
    SELECT format('it belongs to %I', pg_get_userbyid(e.extowner))
    FROM extension AS e
    WHERE e.extowner NOT IN (SELECT t.oid FROM trusted AS t)
    UNION
    SELECT format('functions of it belong to %I', pg_get_userbyid(p.proowner))
    FROM members AS m
    INNER JOIN pg_proc AS p ON p.oid = m.oid
    WHERE p.proowner NOT IN (SELECT t.oid FROM trusted AS t)
    UNION
    SELECT format('%s may create functions in its schema %I', coalesce(quote_ident(r.rolname), 'PUBLIC'), e.nspname)
    FROM extension AS e
    CROSS JOIN LATERAL aclexplode(e.nspacl) AS a
    LEFT JOIN pg_roles AS r ON r.oid = a.grantee
    WHERE a.privilege_type = 'CREATE' AND a.grantee NOT IN (SELECT t.oid FROM trusted AS t)
),

needed AS (
    SELECT 1 AS number, format('USAGE ON SCHEMA %I', e.nspname) AS what, e.nspowner AS owner,
        (SELECT has_schema_privilege(o.oid, e.schema_oid, 'USAGE') FROM kit_owner AS o) AS there,
        e.nspacl AS acl
    FROM extension AS e
    UNION ALL
    SELECT 2, format('%s ON TABLE %I.%I', w.privileges, e.nspname, c.relname), c.relowner,
        (
            SELECT bool_and(has_table_privilege(o.oid, c.oid, p))
            FROM kit_owner AS o
            CROSS JOIN regexp_split_to_table(w.privileges, ', ') AS p
        ),
        c.relacl
    FROM extension AS e
    INNER JOIN pg_class AS c ON c.relnamespace = e.schema_oid
    INNER JOIN (
        VALUES ('part_config', 'SELECT, INSERT, UPDATE, DELETE'), ('part_config_sub', 'SELECT')
    ) AS w (name, privileges) ON w.name = c.relname
    UNION ALL
    SELECT 3, format('EXECUTE ON FUNCTION %I.%I(%s)', e.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
        p.proowner,
        (SELECT has_function_privilege(o.oid, p.oid, 'EXECUTE') FROM kit_owner AS o),
        p.proacl
    FROM extension AS e
    CROSS JOIN members AS m
    INNER JOIN pg_proc AS p ON p.oid = m.oid
    WHERE p.prokind = 'f' AND NOT EXISTS (
        SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
        WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE'
    )
)

SELECT
    (
        SELECT (regexp_match(p.prosrc, '''([^'']+)'''))[1]
        FROM pg_proc AS p
        WHERE p.pronamespace = to_regnamespace({{ schema_literal }}) AND p.proname = 'partition_manager'
    ) AS used,
    EXISTS (
        SELECT FROM pg_proc AS p
        WHERE p.pronamespace = to_regnamespace({{ schema_literal }}) AND p.proname = 'maintain_partitions'
    ) AS maintained,
    (SELECT e.extversion FROM extension AS e) AS version,
    (SELECT e.nspname::text FROM extension AS e) AS schema,
    EXISTS (
        SELECT FROM pg_class AS c
        INNER JOIN extension AS e ON e.schema_oid = c.relnamespace
        WHERE c.relname = 'part_config'
    ) AS has_config,
    ARRAY(SELECT d.doubt FROM doubts AS d ORDER BY 1) AS doubts,
    ARRAY(
        SELECT format('GRANT %s TO %I', n.what, {{ owner_literal }})
        FROM needed AS n WHERE n.there IS NOT TRUE ORDER BY n.number, n.what
    ) AS grants,
    coalesce((
        SELECT bool_and(pg_has_role(current_user, n.owner, 'USAGE')) FROM needed AS n WHERE n.there IS NOT TRUE
    ), true) AS may_grant,
    ARRAY(
        SELECT format('REVOKE %s FROM %I', n.what, {{ owner_literal }})
        FROM needed AS n
        WHERE EXISTS (
            SELECT FROM aclexplode(n.acl) AS a INNER JOIN kit_owner AS o ON o.oid = a.grantee
        ) AND pg_has_role(current_user, n.owner, 'USAGE')
        ORDER BY n.number DESC, n.what
    ) AS revokes,
    EXISTS (
        SELECT FROM pg_proc AS p
        INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE p.proname = 'partition_manager' AND n.nspname <> {{ schema_name }} AND p.prosrc LIKE '%pg_partman%'
    ) AS used_by_others

        -- names from the catalogs' rows, not from functions, which see what committed after the snapshot
        SELECT json_build_array('owner', o.kind, o.name, quote_ident(w.rolname))::text AS line
        FROM (
            SELECT 'schema' AS kind, n.nspname AS name, n.nspowner AS owner
            FROM pg_namespace AS n
            WHERE n.oid = {{ schema_literal }}::regnamespace
            UNION ALL
            SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'view' END, c.relname, c.relowner
            FROM pg_class AS c
            WHERE c.relnamespace = {{ schema_literal }}::regnamespace AND c.relkind IN ('v', 'm', 'f', 'S')
        ) AS o
        INNER JOIN pg_roles AS w ON w.oid = o.owner
        UNION
        SELECT json_build_array(
            'grant', o.kind, o.name, coalesce(quote_ident(w.rolname), 'PUBLIC'), a.privilege_type, a.is_grantable
        )::text
        FROM (
            SELECT 'schema' AS kind, n.nspname::text AS name, n.nspowner AS owner, n.nspacl AS acl
            FROM pg_namespace AS n
            WHERE n.oid = {{ schema_literal }}::regnamespace
            UNION ALL
            SELECT
                CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END,
                c.relname, c.relowner, c.relacl
            FROM pg_class AS c
            WHERE c.relnamespace = {{ schema_literal }}::regnamespace AND c.relacl IS NOT NULL
            UNION ALL
            SELECT 'column', quote_ident(c.relname) || '.' || quote_ident(t.attname), c.relowner, t.attacl
            FROM pg_class AS c
            INNER JOIN pg_attribute AS t ON t.attrelid = c.oid
            WHERE c.relnamespace = {{ schema_literal }}::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                AND t.attacl IS NOT NULL
            UNION ALL
            -- trigger functions cannot be called; their catalog rows are among the guards
            SELECT
                'function', quote_ident(p.proname) || '(' || coalesce((
                    SELECT string_agg((SELECT y.typname FROM pg_type AS y WHERE y.oid = i.oid), ', ' ORDER BY i.place)
                    FROM unnest(p.proargtypes) WITH ORDINALITY AS i (oid, place)
                ), '') || ')', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_proc AS p
            WHERE p.pronamespace = {{ schema_literal }}::regnamespace
                AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
        ) AS o
        CROSS JOIN LATERAL aclexplode(o.acl) AS a
        LEFT JOIN pg_roles AS w ON w.oid = a.grantee
        WHERE a.grantee <> o.owner
        UNION
        SELECT json_build_array(
            'default', quote_ident(r.rolname), n.nspname, d.defaclobjtype,
            coalesce(quote_ident(w.rolname), 'PUBLIC'), a.privilege_type, a.is_grantable
        )::text
        FROM pg_default_acl AS d
        INNER JOIN pg_roles AS r ON r.oid = d.defaclrole
        LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
        CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
        LEFT JOIN pg_roles AS w ON w.oid = a.grantee
        WHERE (
                d.defaclnamespace = {{ schema_literal }}::regnamespace
                OR (d.defaclnamespace = 0 AND r.rolname IN ({{ owner_literal }}, {{ view_literal }}))
            )
            AND a.grantee <> d.defaclrole
        UNION
        -- whoever is a member of the kit's roles, and of whatever they are members of
        SELECT json_build_array(
            'member', quote_ident(r.rolname), quote_ident(w.rolname), m.admin_option,
            to_jsonb(m) ->> 'inherit_option', to_jsonb(m) ->> 'set_option' -- from 16 on
        )::text
        FROM pg_auth_members AS m
        INNER JOIN pg_roles AS r ON r.oid = m.roleid
        INNER JOIN pg_roles AS w ON w.oid = m.member
        WHERE w.rolname = ANY ({{ role_names }})
            OR m.roleid IN (
                WITH RECURSIVE below AS (
                    SELECT k.oid
                    FROM pg_roles AS k
                    WHERE k.rolname = ANY ({{ role_names }})
                    UNION
                    SELECT b.member
                    FROM below AS u
                    INNER JOIN pg_auth_members AS b ON b.roleid = u.oid
                )

                SELECT u.oid FROM below AS u
            )
        UNION
        SELECT json_build_array('role', quote_ident(r.rolname), a.attribute)::text
        FROM pg_roles AS r
        CROSS JOIN LATERAL (
            VALUES
                ('SUPERUSER', r.rolsuper),
                ('BYPASSRLS', r.rolbypassrls),
                ('LOGIN', r.rolcanlogin AND r.rolname = ANY ({{ role_names }})),
                ('CREATEROLE', r.rolcreaterole AND r.rolname = ANY ({{ role_names }}))
        ) AS a (attribute, has)
        WHERE a.has

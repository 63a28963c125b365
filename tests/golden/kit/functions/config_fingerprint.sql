CREATE OR REPLACE FUNCTION "audit".config_state(
    OUT fingerprint text, OUT guards text, OUT access text, OUT guard_lines text[], OUT access_lines text[]
)
LANGUAGE plpgsql -- which keeps the plan: planning takes as long as all else, and each seal asks
STABLE
SECURITY DEFINER -- sealers need not read the catalogs of others
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the same digest whoever seals
AS $fn$
#variable_conflict use_column
BEGIN
    SELECT n.fingerprint, n.guards, n.access, n.guard_lines, n.access_lines
    INTO fingerprint, guards, access, guard_lines, access_lines
    FROM (
    SELECT
        encode(sha256(convert_to(d.guards || E'\n' || d.access, 'UTF8')), 'hex') AS fingerprint,
        d.guards,
        d.access,
        d.guard_lines,
        d.access_lines
    FROM (
        SELECT
            encode(sha256(convert_to(array_to_string(l.guard_lines, E'\n'), 'UTF8')), 'hex') AS guards,
            encode(sha256(convert_to(array_to_string(l.access_lines, E'\n'), 'UTF8')), 'hex') AS access,
            l.guard_lines,
            l.access_lines
        FROM (
            SELECT
                ARRAY(SELECT s.line FROM (
        -- numbers and no names, and nothing that a function looks up, which sees what committed after the snapshot
        SELECT json_build_array(
            'function', p.proname, p.proargtypes::text, p.xmin::text,
            p.proowner, p.prosecdef, p.proconfig, encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
        )::text AS line
        FROM pg_proc AS p
        WHERE p.pronamespace = '"audit"'::regnamespace
        UNION ALL
        SELECT json_build_array(
            'trigger', g.tgrelid, g.tgname, g.tgenabled, g.xmin::text, g.tgfoid, g.tgtype, g.tgattr::text,
            encode(g.tgargs, 'hex'), g.tgqual::text
        )::text
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE g.tgparentid = 0
            AND (
                p.pronamespace = '"audit"'::regnamespace
                -- somebody else's on a table of the kit, who could let events vanish
                OR c.relnamespace = '"audit"'::regnamespace AND NOT g.tgisinternal
            )
            AND NOT (c.relnamespace = '"audit"'::regnamespace AND c.relispartition)
            AND NOT (c.relispartition AND p.proname = 'tg_truncate')
        UNION ALL
        -- on partitions of audited tables, which come and go as well
        SELECT json_build_array('clones', bool_and(g.tgenabled = 'A') IS NOT FALSE)::text
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE p.pronamespace = '"audit"'::regnamespace
            AND (g.tgparentid <> 0 OR (c.relispartition AND p.proname = 'tg_truncate'))
            AND c.relnamespace <> '"audit"'::regnamespace
        UNION ALL
        SELECT json_build_array(
            'table', c.relname, c.relowner, c.relrowsecurity, c.relforcerowsecurity
        )::text
        FROM pg_class AS c
        WHERE c.relnamespace = '"audit"'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
        UNION ALL
        SELECT json_build_array('policy', c.relname, l.polname, l.xmin::text)::text
        FROM pg_policy AS l
        INNER JOIN pg_class AS c ON c.oid = l.polrelid
        WHERE c.relnamespace = '"audit"'::regnamespace AND NOT c.relispartition
        UNION ALL
        -- of views and tables; a view that is replaced gets a new one
        SELECT json_build_array('rule', c.relname, r.rulename, r.ev_enabled, r.xmin::text)::text
        FROM pg_rewrite AS r
        INNER JOIN pg_class AS c ON c.oid = r.ev_class
        WHERE c.relnamespace = '"audit"'::regnamespace
        UNION ALL
        -- partitions come and go: what counts is whether any is unguarded
        SELECT json_build_array(
            'partitions', coalesce(h.inhparent, i.inhparent), bool_and(c.relowner = o.relowner),
            bool_and(c.relrowsecurity), bool_and(c.relforcerowsecurity),
            bool_and((
                SELECT bool_and(g.tgenabled = 'A' AND p.pronamespace = '"audit"'::regnamespace)
                FROM pg_trigger AS g
                INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
                WHERE g.tgrelid = c.oid
            ) IS NOT FALSE),
            bool_and(
                ARRAY(SELECT l.polname FROM pg_policy AS l WHERE l.polrelid = c.oid ORDER BY l.polname)
                = ARRAY(SELECT l.polname FROM pg_policy AS l WHERE l.polrelid = o.oid ORDER BY l.polname)
            ),
            -- a partition gets its guard and its policies in one transaction: what is younger was altered
            bool_and(NOT EXISTS (
                SELECT FROM pg_policy AS l
                INNER JOIN pg_trigger AS g ON g.tgrelid = l.polrelid AND g.tgname = 'append_only_truncate'
                WHERE l.polrelid = c.oid AND l.xmin <> g.xmin
            ))
        )::text
        FROM pg_inherits AS i
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        INNER JOIN pg_class AS o ON o.oid = i.inhparent
        LEFT JOIN pg_inherits AS h ON h.inhrelid = i.inhparent -- partitions may be divided by region
        WHERE o.relnamespace = '"audit"'::regnamespace AND o.relkind = 'p'
        GROUP BY coalesce(h.inhparent, i.inhparent)
        UNION ALL
        SELECT json_build_array('event trigger', e.evtname, e.evtenabled, e.evtevent, e.xmin::text)::text
        FROM pg_event_trigger AS e
        INNER JOIN pg_proc AS p ON p.oid = e.evtfoid
        WHERE p.pronamespace = '"audit"'::regnamespace
                ) AS s ORDER BY s.line COLLATE "C") AS guard_lines,
                ARRAY(SELECT s.line FROM (
        -- names from the catalogs' rows, not from functions, which see what committed after the snapshot
        SELECT json_build_array('owner', o.kind, o.name, quote_ident(w.rolname))::text AS line
        FROM (
            SELECT 'schema' AS kind, n.nspname AS name, n.nspowner AS owner
            FROM pg_namespace AS n
            WHERE n.oid = '"audit"'::regnamespace
            UNION ALL
            SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'view' END, c.relname, c.relowner
            FROM pg_class AS c
            WHERE c.relnamespace = '"audit"'::regnamespace AND c.relkind IN ('v', 'm', 'f', 'S')
        ) AS o
        INNER JOIN pg_roles AS w ON w.oid = o.owner
        UNION
        SELECT json_build_array(
            'grant', o.kind, o.name, coalesce(quote_ident(w.rolname), 'PUBLIC'), a.privilege_type, a.is_grantable
        )::text
        FROM (
            SELECT 'schema' AS kind, n.nspname::text AS name, n.nspowner AS owner, n.nspacl AS acl
            FROM pg_namespace AS n
            WHERE n.oid = '"audit"'::regnamespace
            UNION ALL
            SELECT
                CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END,
                c.relname, c.relowner, c.relacl
            FROM pg_class AS c
            WHERE c.relnamespace = '"audit"'::regnamespace AND c.relacl IS NOT NULL
            UNION ALL
            SELECT 'column', quote_ident(c.relname) || '.' || quote_ident(t.attname), c.relowner, t.attacl
            FROM pg_class AS c
            INNER JOIN pg_attribute AS t ON t.attrelid = c.oid
            WHERE c.relnamespace = '"audit"'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                AND t.attacl IS NOT NULL
            UNION ALL
            -- trigger functions cannot be called; their catalog rows are among the guards
            SELECT
                'function', quote_ident(p.proname) || '(' || coalesce((
                    SELECT string_agg((SELECT y.typname FROM pg_type AS y WHERE y.oid = i.oid), ', ' ORDER BY i.place)
                    FROM unnest(p.proargtypes) WITH ORDINALITY AS i (oid, place)
                ), '') || ')', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_proc AS p
            WHERE p.pronamespace = '"audit"'::regnamespace
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
                d.defaclnamespace = '"audit"'::regnamespace
                OR (d.defaclnamespace = 0 AND r.rolname IN ('pgaudit_kit_owner', 'pgaudit_kit_view'))
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
        WHERE w.rolname = ANY ('{pgaudit_kit_owner,pgaudit_kit_view,pgaudit_kit_reader,pgaudit_kit_auditor,pgaudit_kit_sealer,pgaudit_kit_eraser,pgaudit_kit_dump,pgaudit_kit_signer}'::text[])
            OR m.roleid IN (
                WITH RECURSIVE below AS (
                    SELECT k.oid
                    FROM pg_roles AS k
                    WHERE k.rolname = ANY ('{pgaudit_kit_owner,pgaudit_kit_view,pgaudit_kit_reader,pgaudit_kit_auditor,pgaudit_kit_sealer,pgaudit_kit_eraser,pgaudit_kit_dump,pgaudit_kit_signer}'::text[])
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
                ('LOGIN', r.rolcanlogin AND r.rolname = ANY ('{pgaudit_kit_owner,pgaudit_kit_view,pgaudit_kit_reader,pgaudit_kit_auditor,pgaudit_kit_sealer,pgaudit_kit_eraser,pgaudit_kit_dump,pgaudit_kit_signer}'::text[])),
                ('CREATEROLE', r.rolcreaterole AND r.rolname = ANY ('{pgaudit_kit_owner,pgaudit_kit_view,pgaudit_kit_reader,pgaudit_kit_auditor,pgaudit_kit_sealer,pgaudit_kit_eraser,pgaudit_kit_dump,pgaudit_kit_signer}'::text[]))
        ) AS a (attribute, has)
        WHERE a.has
                ) AS s ORDER BY s.line COLLATE "C") AS access_lines
            OFFSET 0 -- else each use of the lines would collect them anew
        ) AS l
        OFFSET 0
    ) AS d

    ) AS n;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".config_fingerprint()
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT s.fingerprint FROM "audit".config_state() AS s $fn$;
REVOKE ALL ON FUNCTION "audit".config_state() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".config_fingerprint() FROM PUBLIC;
COMMENT ON FUNCTION "audit".config_state() IS 'The kit''s guards, and who has access to it, as they stand in the catalogs: lines and digests.';
COMMENT ON FUNCTION "audit".config_fingerprint() IS 'Digest over guards and access, as seal records carry it.';

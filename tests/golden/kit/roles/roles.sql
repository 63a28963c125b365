-- object:   roles pgaudit_kit_*
-- requires:
-- purpose:  who owns, reads, seals and erases; cluster-wide, shared by installations, none can log in
DO $do$
DECLARE
    v_role text;
    v_default record;
BEGIN
    FOREACH v_role IN ARRAY '{pgaudit_kit_owner,pgaudit_kit_view,pgaudit_kit_reader,pgaudit_kit_auditor,pgaudit_kit_sealer,pgaudit_kit_eraser,pgaudit_kit_dump,pgaudit_kit_signer}'::text[] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = v_role) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- an installation in another database made it at the same moment
            END;
        END IF;
    END LOOP;
    -- The installer creates objects in the owner's name; a superuser may do so anyway.
    -- 'USAGE': on 16 and later whoever creates a role may administer it, but does not act for it.
    IF NOT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_owner', 'USAGE') THEN
        EXECUTE pg_catalog.format('GRANT %I TO CURRENT_USER', 'pgaudit_kit_owner');
    END IF;
    -- The reading views belong to a role that can see the log and do nothing else with it.
    IF NOT pg_catalog.pg_has_role('pgaudit_kit_owner', 'pgaudit_kit_view', 'USAGE') THEN
        EXECUTE pg_catalog.format('GRANT %I TO %I', 'pgaudit_kit_view', 'pgaudit_kit_owner');
    END IF;
    -- Default privileges would open what the kit's roles create to others. Those of PUBLIC on functions
    -- and types are built in; each function and type takes them back.
    FOR v_default IN
        SELECT
            r.rolname,
            n.nspname,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
            CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END AS what
        FROM pg_catalog.pg_default_acl AS d
        INNER JOIN pg_catalog.pg_roles AS r ON r.oid = d.defaclrole
        LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = d.defaclnamespace
        CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
        WHERE r.rolname IN ('pgaudit_kit_owner', 'pgaudit_kit_view')
            AND (n.nspname IS NULL OR n.nspname = 'audit')
            AND a.grantee <> d.defaclrole
            AND NOT (a.grantee = 0 AND d.defaclobjtype IN ('f', 'T') AND n.nspname IS NULL)
        GROUP BY 1, 2, 3, 4
    LOOP
        EXECUTE pg_catalog.format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s',
            v_default.rolname, ' IN SCHEMA ' || pg_catalog.quote_ident(v_default.nspname),
            v_default.what, v_default.grantee
        );
    END LOOP;
END;
$do$;

-- object:   roles pgaudit_kit_*
-- requires:
-- purpose:  who owns, reads, seals and erases; cluster-wide, shared by installations, none can log in
DO $do$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY {{ role_names }} LOOP
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
    IF NOT pg_catalog.pg_has_role(current_user, {{ owner_literal }}, 'USAGE') THEN
        EXECUTE pg_catalog.format('GRANT %I TO CURRENT_USER', {{ owner_literal }});
    END IF;
    -- The reading views belong to a role that can see the log and do nothing else with it.
    IF NOT pg_catalog.pg_has_role({{ owner_literal }}, {{ view_literal }}, 'USAGE') THEN
        EXECUTE pg_catalog.format('GRANT %I TO %I', {{ view_literal }}, {{ owner_literal }});
    END IF;
END;
$do$;

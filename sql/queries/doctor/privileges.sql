-- object:   (query)
-- purpose:  what the current role may do for the kit
SELECT
    current_user::text AS role,
    r.rolsuper AS superuser,
    r.rolsuper OR r.rolcreaterole AS may_create_roles,
    has_database_privilege(current_database(), 'CREATE') AS may_create_schemas,
    coalesce((
        SELECT pg_has_role(current_user, o.oid, 'USAGE') FROM pg_roles AS o WHERE o.rolname = {{ owner_literal }}
    ), false) AS acts_for_owner,
    coalesce((
        -- whether SET ROLE works; before 16 every member might
        SELECT pg_has_role(
            current_user, o.oid,
            CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END
        )
        FROM pg_roles AS o WHERE o.rolname = {{ owner_literal }}
    ), false) AS member_of_owner,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all_sessions
FROM pg_roles AS r
WHERE r.rolname = current_user

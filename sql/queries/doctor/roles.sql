-- object:   (query)
-- purpose:  the kit's roles, whether they can log in, and who is a member
SELECT
    r.rolname AS name,
    r.rolcanlogin AS can_login,
    ARRAY(
        -- From 16 on whoever created a role may administer it, and by that alone does not act for it.
        SELECT DISTINCT m.member::regrole::text
        FROM pg_auth_members AS m
        CROSS JOIN LATERAL to_jsonb(m) AS o
        WHERE m.roleid = r.oid
            AND coalesce((o ->> 'inherit_option')::boolean OR (o ->> 'set_option')::boolean, true)
        ORDER BY 1
    ) AS members
FROM pg_roles AS r
WHERE r.rolname = ANY ({{ role_names }})

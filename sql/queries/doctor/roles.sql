-- object:   (query)
-- purpose:  the kit's roles, whether they can log in, and who is a member
SELECT
    r.rolname AS name,
    r.rolcanlogin AS can_login,
    ARRAY(
        SELECT m.member::regrole::text FROM pg_auth_members AS m WHERE m.roleid = r.oid ORDER BY 1
    ) AS members
FROM pg_roles AS r
WHERE r.rolname = ANY ({{ role_names }})

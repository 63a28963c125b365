-- object:   (query)
-- purpose:  tablespaces of regions: whether the kit's owner may put something there, and who could let it
SELECT
    w.name,
    t.oid IS NOT NULL AND t.spcname <> 'pg_global' AS usable,
    -- the database's own takes no right
    coalesce(t.oid = d.dattablespace OR has_tablespace_privilege(o.oid, t.oid, 'CREATE'), false) AS granted,
    coalesce(pg_has_role(current_user, t.spcowner, 'USAGE'), false) AS may_grant,
    format('GRANT CREATE ON TABLESPACE %I TO %I', w.name, {{ owner_literal }}) AS statement
FROM unnest({{ wanted }}) AS w (name)
INNER JOIN pg_database AS d ON d.datname = current_database()
LEFT JOIN pg_tablespace AS t ON t.spcname = w.name
LEFT JOIN pg_roles AS o ON o.rolname = {{ owner_literal }}
ORDER BY w.name

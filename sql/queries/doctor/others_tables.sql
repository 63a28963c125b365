-- object:   (query)
-- purpose:  audited tables in whose owner's name the current role cannot act
SELECT t.relation::text AS relation, c.relowner::regrole::text AS owner
FROM {{ audit }}.audited_tables AS t
INNER JOIN pg_class AS c ON c.oid = t.relation
WHERE t.enabled AND NOT pg_has_role(current_user, c.relowner, 'USAGE')
ORDER BY 1

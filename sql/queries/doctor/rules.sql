-- object:   (query)
-- purpose:  rules on audited tables that could lead a write past the triggers
SELECT r.ev_class::regclass::text AS relation, r.rulename AS rule
FROM {{ audit }}.audited_tables AS t
CROSS JOIN LATERAL (
    SELECT t.relation::oid AS relid
    UNION
    SELECT p.relid::oid FROM pg_partition_tree(t.relation) AS p
) AS s
INNER JOIN pg_rewrite AS r ON r.ev_class = s.relid
WHERE t.enabled AND r.ev_type <> '1'
ORDER BY 1, 2

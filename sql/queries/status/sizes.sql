-- object:   (query)
-- purpose:  sizes of the kit's partitioned tables, rows as the planner estimates them
SELECT
    c.relname AS name,
    coalesce(sum(pg_total_relation_size(t.relid)), 0)::bigint AS bytes,
    coalesce(sum(CASE
        WHEN l.reltuples >= 0 THEN l.reltuples
        ELSE pg_stat_get_live_tuples(t.relid)
    END), 0)::bigint AS rows
FROM pg_class AS c
CROSS JOIN LATERAL pg_partition_tree(c.oid) AS t
INNER JOIN pg_class AS l ON l.oid = t.relid
INNER JOIN pg_partitioned_table AS p ON p.partrelid = c.oid AND p.partstrat = 'r'
WHERE c.relnamespace = to_regnamespace({{ schema_literal }}) AND NOT c.relispartition AND t.isleaf
GROUP BY c.relname
ORDER BY c.relname

-- object:   (query)
-- purpose:  the kit's partitioned tables: bounds, and how far from now they reach without a hole
WITH RECURSIVE bounds AS (
    SELECT i.inhparent AS parent, b.pair[1]::timestamptz AS lower_bound, b.pair[2]::timestamptz AS upper_bound
    FROM pg_inherits AS i
    INNER JOIN pg_class AS c ON c.oid = i.inhrelid
    INNER JOIN pg_class AS o ON o.oid = i.inhparent
    CROSS JOIN LATERAL regexp_match(
        pg_get_expr(c.relpartbound, c.oid), $re$^FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)$re$
    ) AS b (pair)
    WHERE o.relnamespace = to_regnamespace({{ schema_literal }}) AND o.relkind = 'p' AND b.pair IS NOT NULL
),

ahead AS (
    SELECT b.parent, b.upper_bound
    FROM bounds AS b
    WHERE b.lower_bound <= clock_timestamp() AND b.upper_bound > clock_timestamp()
    UNION
    SELECT b.parent, b.upper_bound
    FROM ahead AS a
    INNER JOIN bounds AS b ON b.parent = a.parent AND b.lower_bound = a.upper_bound
)

SELECT
    c.relname AS name,
    d.relname AS default_partition,
    p.partdefid::bigint AS default_oid,
    (SELECT count(*) FROM bounds AS b WHERE b.parent = c.oid) AS partitions,
    (SELECT max(b.upper_bound) FROM bounds AS b WHERE b.parent = c.oid) AS newest_bound,
    (
        SELECT extract(epoch FROM max(a.upper_bound) - clock_timestamp())::float8
        FROM ahead AS a WHERE a.parent = c.oid
    ) AS ahead_s,
    (
        SELECT extract(epoch FROM (s.value ->> 'interval')::interval * (s.value ->> 'premake')::integer)::float8
        FROM {{ audit }}.settings AS s WHERE s.name = 'partitions'
    ) AS premade_s
FROM pg_class AS c
INNER JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
LEFT JOIN pg_class AS d ON d.oid = p.partdefid
WHERE c.relnamespace = to_regnamespace({{ schema_literal }}) AND p.partstrat = 'r' AND NOT c.relispartition
ORDER BY c.relname

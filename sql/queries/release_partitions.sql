-- object:   (query)
-- purpose:  pg_partman forgets the log's tables; what it made of them stays
DELETE FROM {{ config }} AS p
WHERE p.parent_table IN (
    SELECT pg_catalog.format('%s.%s', n.nspname, c.relname)
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'p' AND n.nspname = {{ schema_name }}
);

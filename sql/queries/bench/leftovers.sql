-- object:   (query)
-- purpose:  schemas in which a measurement worked, or works
SELECT n.nspname::text AS name
FROM pg_namespace AS n
WHERE n.nspname ~ '^pgaudit_kit_bench_[0-9a-f]{12}$'
    AND obj_description(n.oid, 'pg_namespace') LIKE 'Scratch of pgaudit-kit bench%%'
ORDER BY 1

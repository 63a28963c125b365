-- object:   (query)
-- purpose:  functions of a condition's probe that are neither built in nor an extension's
WITH called AS (
    SELECT d.refobjid AS function
    FROM pg_depend AS d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = 'pg_temp.pgaudit_kit_probed'::regclass
        AND d.refclassid = 'pg_proc'::regclass
    UNION
    SELECT o.oprcode
    FROM pg_depend AS d
    INNER JOIN pg_operator AS o ON o.oid = d.refobjid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = 'pg_temp.pgaudit_kit_probed'::regclass
        AND d.refclassid = 'pg_operator'::regclass
)

SELECT c.function::regprocedure::text
FROM called AS c
WHERE c.function >= 16384 -- what initdb made
    AND NOT EXISTS (
        SELECT FROM pg_depend AS e
        WHERE e.classid = 'pg_proc'::regclass AND e.objid = c.function AND e.deptype = 'e'
    )
ORDER BY 1

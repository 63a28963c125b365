-- object:   (query)
-- purpose:  the enums of a table's columns, with their labels in this snapshot and SQL that gives those of now
-- Labels are looked up when a value becomes text, and what looks things up sees what is there now.
SELECT
    ARRAY(
        SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = y.oid ORDER BY e.enumsortorder
    ) AS labels,
    format('enum_range(NULL::%%I.%%I)', n.nspname, y.typname) AS labels_now
FROM pg_attribute AS a
INNER JOIN pg_type AS b ON b.oid = a.atttypid
INNER JOIN pg_type AS y ON y.oid IN (b.oid, b.typelem, b.typbasetype) AND y.typtype = 'e'
INNER JOIN pg_namespace AS n ON n.oid = y.typnamespace
WHERE a.attrelid = %(table)s AND a.attnum > 0 AND NOT a.attisdropped

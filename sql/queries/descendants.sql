-- object:   (query)
-- purpose:  partitions and inheritance children that came or went unnoticed, or whose rows are in no event yet
WITH RECURSIVE below AS (
    SELECT t.table_id, i.inhrelid
    FROM {{ audit }}.audited_tables AS t
    INNER JOIN pg_inherits AS i ON i.inhparent = t.relation AND NOT i.inhdetachpending
    WHERE t.enabled
    UNION
    SELECT b.table_id, i.inhrelid
    FROM below AS b
    INNER JOIN pg_inherits AS i ON i.inhparent = b.inhrelid AND NOT i.inhdetachpending
)

SELECT
    coalesce(b.table_id, d.table_id) AS table_id,
    CASE WHEN d.table_id IS NULL THEN 'new' WHEN b.table_id IS NULL THEN 'gone' ELSE 'rows not recorded' END AS what,
    coalesce(
        (
            SELECT format('%%I.%%I', n.nspname, c.relname)
            FROM pg_class AS c
            INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = b.inhrelid
        ),
        format('%%I.%%I', d.schema_name, d.table_name)
    ) AS name
FROM below AS b
FULL JOIN (SELECT * FROM {{ audit }}.descendants AS x WHERE NOT x.is_gone) AS d
    ON d.table_id = b.table_id AND d.relation::oid = b.inhrelid
WHERE d.table_id IS NULL OR b.table_id IS NULL OR d.baseline_due
ORDER BY 1, 2, 3

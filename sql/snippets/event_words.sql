    (
        SELECT pg_catalog.format('%I.%I', v.schema_name, v.table_name)
        FROM {{ audit }}.table_versions AS v
        WHERE v.table_id = e.table_id AND v.table_version = e.table_version
    ) AS table_name,
    CASE e.operation
        WHEN 'I' THEN 'INSERT'
        WHEN 'U' THEN 'UPDATE'
        WHEN 'D' THEN 'DELETE'
        WHEN 'T' THEN 'TRUNCATE'
        WHEN 'B' THEN 'BASELINE'
        WHEN 'C' THEN 'CONTROL'
    END AS operation,

-- object:   (query)
-- purpose:  names and columns of the tables that some events name by number
SELECT
    v.table_id,
    v.table_version,
    v.schema_name,
    v.table_name,
    v.columns::text AS columns,
    v.key_columns,
    v.fingerprint,
    to_char(timezone('UTC', v.recorded_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at
FROM unnest(%(table_ids)s::integer[], %(table_versions)s::integer[]) AS i (table_id, table_version)
INNER JOIN {{ audit }}.table_versions AS v
    ON v.table_id = i.table_id AND v.table_version = i.table_version
ORDER BY v.table_id, v.table_version

-- object:   (query)
-- purpose:  audited tables as their events name them, and whether their keys are kept apart
SELECT
    v.table_id,
    v.table_version,
    format('%%I.%%I', v.schema_name, v.table_name) AS name,
    v.bulk,
    CASE WHEN jsonb_typeof(v.columns) = 'array' THEN EXISTS (
        SELECT FROM jsonb_array_elements(v.columns) AS c (description)
        WHERE c.description ->> 'recorded' = 'personal'
            AND c.description ->> 'name' = ANY (v.key_columns)
    ) ELSE false END AS key_is_personal
FROM {{ audit }}.table_versions AS v

-- object:   (query)
-- purpose:  the registry with each table's newest name
SELECT
    t.table_id,
    t.relation::oid::bigint AS relation,
    t.enabled,
    t.table_version,
    t.declaration,
    t.key_attnums,
    t.excluded_attnums,
    t.personal_attnums,
    t.tenant_attnum,
    t.subject_attnum,
    t.specialised,
    t.fingerprint,
    v.schema_name,
    v.table_name,
    v.columns
FROM {{ audit }}.audited_tables AS t
INNER JOIN {{ audit }}.table_versions AS v ON v.table_id = t.table_id AND v.table_version = t.table_version
ORDER BY t.table_id

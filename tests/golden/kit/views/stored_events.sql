CREATE OR REPLACE VIEW "audit".stored_events AS
SELECT
    e.event_id,
    e.occurred_at,
    e.tenant_id,
    e.table_id,
    (
        SELECT pg_catalog.format('%I.%I', v.schema_name, v.table_name)
        FROM "audit".table_versions AS v
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
    e.record_key,
    e.actor_id,
    e.action,
    e.old_values,
    e.new_values,
    e.context,
    e.personal_commitment IS NOT NULL AS has_personal
FROM "audit".change_events AS e
WHERE (SELECT "audit".note_read(current_user));
ALTER VIEW "audit".stored_events OWNER TO "pgaudit_kit_view";
REVOKE ALL ON "audit".stored_events FROM PUBLIC;
GRANT SELECT ON "audit".stored_events TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON VIEW "audit".stored_events IS 'Events without what is personal, which personal_data has, as far as the reader''s tenants go.';

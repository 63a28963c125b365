CREATE OR REPLACE VIEW "audit".personal_data AS
SELECT
    d.event_id,
    d.occurred_at,
    d.tenant_id,
    d.record_key,
    d.old_values,
    d.new_values,
    d.context
FROM (
    SELECT
        v.event_id,
        v.occurred_at,
        v.tenant_id,
        NULL::text AS record_key,
        v.old_values,
        v.new_values,
        v.context
    FROM "audit".personal_values AS v
    UNION ALL
    SELECT
        k.event_id,
        k.occurred_at,
        k.tenant_id,
        k.record_key,
        NULL::jsonb AS old_values,
        NULL::jsonb AS new_values,
        NULL::jsonb AS context
    FROM "audit".personal_keys AS k
) AS d
WHERE (SELECT "audit".note_read(current_user));
ALTER VIEW "audit".personal_data OWNER TO "pgaudit_kit_view";
REVOKE ALL ON "audit".personal_data FROM PUBLIC;
GRANT SELECT ON "audit".personal_data TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON VIEW "audit".personal_data IS 'Personal values and keys of events, as far as the reader''s tenants go.';

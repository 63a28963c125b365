CREATE OR REPLACE VIEW "audit".chain AS
SELECT
    b.tenant_id,
    b.first_position + u.ordinality - 1 AS position,
    u.event_id,
    CASE
        WHEN u.ordinality > 1
            THEN pg_catalog.substr(b.event_hashes, (u.ordinality * 32 - 63)::integer, 32)
        ELSE coalesce((
            SELECT pg_catalog.substr(p.event_hashes, p.event_count * 32 - 31, 32)
            FROM "audit".blocks AS p
            WHERE p.tenant_id = b.tenant_id AND p.block_number < b.block_number AND p.event_count > 0
            ORDER BY p.block_number DESC
            LIMIT 1
        ), pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex'))
    END AS prev_hash,
    pg_catalog.substr(b.event_hashes, (u.ordinality * 32 - 31)::integer, 32) AS event_hash
FROM "audit".blocks AS b
CROSS JOIN LATERAL pg_catalog.unnest(b.event_ids) WITH ORDINALITY AS u (event_id, ordinality);
ALTER VIEW "audit".chain OWNER TO "pgaudit_kit_view";
REVOKE ALL ON "audit".chain FROM PUBLIC;
GRANT SELECT ON "audit".chain TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON VIEW "audit".chain IS 'Hash chain of each tenant, event by event: an event''s hash and that of the one before.';

CREATE OR REPLACE FUNCTION "audit".receipt(event_id bigint)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT jsonb_build_object(
        'version', 1,
        'event_id', s.event_id,
        'tenant_id', s.tenant_id,
        'line', s.line,
        'event_hash', encode(sha256(convert_to(s.line, 'UTF8')), 'hex'),
        'block_number', s.block_number,
        'place', s.place,
        'event_count', octet_length(s.event_hashes) / 32,
        'block_path', (
            SELECT coalesce(jsonb_agg(encode(p.hash, 'hex') ORDER BY p.place), '[]')
            FROM unnest("audit".block_inclusion(s.event_hashes, s.place)) WITH ORDINALITY AS p (hash, place)
        ),
        'header', s.header,
        'log_index', s.log_index,
        'log_size', s.size,
        'log_path', CASE WHEN s.size IS NOT NULL THEN (
            SELECT coalesce(jsonb_agg(encode(p.hash, 'hex') ORDER BY p.place), '[]')
            FROM unnest("audit".log_inclusion(s.log_index, s.size)) WITH ORDINALITY AS p (hash, place)
        ) END,
        'checkpoint', s.note
    )
    FROM "audit".sealed_events AS s
    WHERE s.event_id = receipt.event_id
    ORDER BY s.log_index
    LIMIT 1
$fn$;
REVOKE ALL ON FUNCTION "audit".receipt(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".receipt(bigint) TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON FUNCTION "audit".receipt(bigint) IS 'Proof that an event was sealed, and is in the newest signed log; NULL where it is not sealed, or not the caller''s to see.';

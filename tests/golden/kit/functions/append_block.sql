CREATE OR REPLACE FUNCTION "audit".append_block(
    p_log_index bigint,
    p_sealed_at timestamptz,
    p_tenant_id text,
    p_event_ids bigint[],
    p_event_hashes bytea,
    p_snapshot text DEFAULT NULL,
    p_incarnation "audit".incarnation_v1 DEFAULT NULL,
    p_fingerprint text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_head "audit".chain_heads;
    v_count integer := cardinality(p_event_ids);
    v_root bytea := "audit".merkle_root(p_event_hashes);
    v_sealed_at text := to_char(p_sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    v_tenant text;
    v_header text;
    v_hash bytea;
BEGIN
    SELECT * INTO v_head FROM "audit".chain_heads AS h WHERE h.tenant_id = p_tenant_id;
    IF NOT FOUND THEN
        v_head := ROW(
            p_tenant_id, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 0,
            decode(repeat('00', 32), 'hex'), 0
        );
    END IF;
    v_tenant := encode(sha256(v_head.salt || convert_to(p_tenant_id, 'UTF8')), 'hex');
    IF p_snapshot IS NULL THEN
        v_header := row_to_json(ROW(
            1, p_log_index, v_tenant, v_head.block_number + 1, encode(v_head.block_hash, 'hex'), v_count,
            p_event_ids[1], p_event_ids[v_count], encode(v_root, 'hex'), v_sealed_at
        )::"audit".block_v1)::text;
    ELSE
        v_header := row_to_json(ROW(
            1, p_log_index, v_tenant, v_head.block_number + 1, encode(v_head.block_hash, 'hex'), v_count,
            p_event_ids[1], p_event_ids[v_count], encode(v_root, 'hex'), v_sealed_at,
            p_snapshot, p_incarnation, p_fingerprint
        )::"audit".seal_v1)::text;
    END IF;
    v_hash := sha256(convert_to(v_header, 'UTF8'));
    INSERT INTO "audit".blocks (
        log_index, block_number, sealed_at, first_event_id, last_event_id, first_position, event_count,
        tenant_id, prev_hash, merkle_root, block_hash, header, event_ids, event_hashes
    ) VALUES (
        p_log_index, v_head.block_number + 1, p_sealed_at, p_event_ids[1], p_event_ids[v_count],
        v_head.event_count + 1, v_count, p_tenant_id, v_head.block_hash, v_root, v_hash, v_header,
        p_event_ids, p_event_hashes
    );
    INSERT INTO "audit".chain_heads AS h (tenant_id, salt, block_number, block_hash, event_count)
    VALUES (p_tenant_id, v_head.salt, v_head.block_number + 1, v_hash, v_head.event_count + v_count)
    ON CONFLICT ON CONSTRAINT chain_heads_tenant_id_pk DO UPDATE
    SET block_number = excluded.block_number,
        block_hash = excluded.block_hash,
        event_count = excluded.event_count;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".append_block(
    bigint, timestamptz, text, bigint[], bytea, text, "audit".incarnation_v1, text
) FROM PUBLIC;
COMMENT ON FUNCTION "audit".append_block(
    bigint, timestamptz, text, bigint[], bytea, text, "audit".incarnation_v1, text
) IS 'Appends the next block to a tenant''s chain.';

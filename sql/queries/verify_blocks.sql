-- object:   (query)
-- purpose:  all blocks in log order; in full where they are judged, else what shows whose a gap is;
--           with all headers where the log's tree is made
SELECT
    b.log_index,
    b.tenant_id,
    b.block_number,
    b.prev_hash,
    b.event_count,
    b.first_event_id,
    b.last_event_id,
    b.first_position,
    CASE WHEN j.judged THEN b.event_ids END AS event_ids,
    CASE WHEN j.judged THEN b.event_hashes END AS event_hashes,
    b.merkle_root,
    to_char(timezone('UTC', b.sealed_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS sealed_at,
    CASE WHEN j.judged OR b.tenant_id = '_system' OR %(headers)s THEN b.header END AS header,
    b.block_hash
FROM {{ audit }}.blocks AS b
CROSS JOIN LATERAL (
    SELECT
        (%(tenants)s::text[] IS NULL OR b.tenant_id = ANY (%(tenants)s::text[])) IS TRUE AS judged
) AS j
WHERE %(since)s = 0 OR b.log_index >= %(since)s
ORDER BY b.log_index, b.sealed_at

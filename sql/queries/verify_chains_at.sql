-- object:   (query)
-- purpose:  each chain's last block before a position of the log
SELECT
    h.tenant_id,
    b.log_index,
    b.block_number,
    b.first_position + b.event_count AS next_position,
    b.header
FROM {{ audit }}.chain_heads AS h
CROSS JOIN LATERAL (
    SELECT d.log_index, d.block_number, d.first_position, d.event_count, d.header
    FROM {{ audit }}.blocks AS d
    WHERE d.tenant_id = h.tenant_id AND d.log_index < %(since)s
    ORDER BY d.block_number DESC
    LIMIT 1
) AS b

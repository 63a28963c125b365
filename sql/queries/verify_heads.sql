-- object:   (query)
-- purpose:  where each chain should stand
SELECT h.tenant_id, h.salt, h.block_number, h.block_hash, h.event_count
FROM {{ audit }}.chain_heads AS h

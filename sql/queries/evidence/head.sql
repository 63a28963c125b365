-- object:   (query)
-- purpose:  where a tenant's chain stands, and the salt of its digest
SELECT h.salt, h.block_number, h.block_hash, h.event_count
FROM {{ audit }}.chain_heads AS h
WHERE h.tenant_id = %(tenant)s

-- object:   (query)
-- purpose:  the blocks that hold some events of a tenant
SELECT i.event_id, b.block_number
FROM unnest(%(ids)s::bigint[]) AS i (event_id)
INNER JOIN {{ audit }}.blocks AS b
    ON b.tenant_id = %(tenant)s
        AND b.first_event_id <= i.event_id AND b.last_event_id >= i.event_id
        AND b.log_index < %(size)s
        AND i.event_id = ANY (b.event_ids)

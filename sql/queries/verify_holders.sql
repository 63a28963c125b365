-- object:   (query)
-- purpose:  which tenants' blocks hold some ids
SELECT u.event_id, b.tenant_id, b.block_number
FROM {{ audit }}.blocks AS b
CROSS JOIN LATERAL unnest(b.event_ids) AS u (event_id)
WHERE b.last_event_id >= %(first)s AND b.first_event_id <= %(last)s
    AND u.event_id = ANY (%(event_ids)s::bigint[])

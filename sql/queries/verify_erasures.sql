-- object:   (query)
-- purpose:  events whose personal data was erased, as sealed control events of their tenants say
SELECT DISTINCT c.tenant_id, n.event_id::bigint AS event_id
FROM (
    SELECT e.event_id, e.tenant_id, e.new_values -> 'event_ids' AS event_ids
    FROM {{ audit }}.change_events AS e
    WHERE e.operation = 'C' AND e.new_values ->> 'kind' = 'erasure'
        AND jsonb_typeof(e.new_values -> 'event_ids') = 'array'
        AND (%(tenants)s::text[] IS NULL OR e.tenant_id = ANY (%(tenants)s::text[]))
    OFFSET 0
) AS c
CROSS JOIN LATERAL jsonb_array_elements_text(c.event_ids) AS n (event_id)
WHERE EXISTS (
    SELECT FROM {{ audit }}.blocks AS b
    WHERE b.tenant_id = c.tenant_id
        AND b.last_event_id >= c.event_id AND b.first_event_id <= c.event_id
        AND c.event_id = ANY (b.event_ids)
)

-- object:   (query)
-- purpose:  events of a range of ids that a block holds and the log does not
SELECT s.tenant_id, s.event_id, s.block_number, s.log_index, s.hash
FROM (
{% include 'snippets/verify_sealed.sql' %}
) AS s
WHERE NOT EXISTS (
    SELECT FROM {{ audit }}.change_events AS e
    WHERE e.event_id = s.event_id AND e.event_id BETWEEN %(first)s AND %(last)s
        AND (%(tenants)s::text[] IS NULL OR e.tenant_id = ANY (%(tenants)s::text[]))
)

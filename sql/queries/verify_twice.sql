-- object:   (query)
-- purpose:  ids that the log has, or that blocks hold, more than once
SELECT
    'event-duplicate' AS kind,
    e.event_id,
    min(e.tenant_id) AS tenant_id,
    count(*) AS copies,
    NULL::bigint[] AS block_numbers
FROM {{ audit }}.change_events AS e
WHERE e.event_id BETWEEN %(first)s AND %(last)s
    AND (%(tenants)s::text[] IS NULL OR e.tenant_id = ANY (%(tenants)s::text[]))
GROUP BY e.event_id
HAVING count(*) > 1
UNION ALL
SELECT
    'event-sealed-twice',
    s.event_id,
    min(s.tenant_id),
    count(*),
    array_agg(s.block_number ORDER BY s.log_index)
FROM (
{% include 'snippets/verify_sealed.sql' %}
) AS s
GROUP BY s.event_id
HAVING count(*) > 1

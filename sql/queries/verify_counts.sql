-- object:   (query)
-- purpose:  how many events there are in a range of ids, how many different ids, and how many blocks hold
-- Counting ids by sorting numbers takes a fifth of what grouping them takes.
SELECT
    count(*) AS events,
    count(DISTINCT e.event_id) AS numbers,
    (
        SELECT count(*)
        FROM (
{% include 'snippets/verify_sealed.sql' %}
        ) AS s
    ) AS sealed
FROM {{ audit }}.change_events AS e
WHERE e.event_id BETWEEN %(first)s AND %(last)s
    AND (%(tenants)s::text[] IS NULL OR e.tenant_id = ANY (%(tenants)s::text[]))

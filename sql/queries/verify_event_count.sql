-- object:   (query)
-- purpose:  how many events there are in a range of ids, and how many of them are there twice
SELECT coalesce(sum(n.copies), 0)::bigint AS events, count(*) AS numbers
FROM (
    SELECT count(*) AS copies
    FROM {{ audit }}.change_events AS e
    WHERE e.event_id BETWEEN %(first)s AND %(last)s
        AND (%(tenants)s::text[] IS NULL OR e.tenant_id = ANY (%(tenants)s::text[]))
    GROUP BY e.event_id
) AS n

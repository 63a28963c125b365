-- object:   (query)
-- purpose:  the lowest event id from a number on
SELECT min(e.event_id) AS event_id
FROM {{ audit }}.change_events AS e
WHERE e.event_id >= %(first)s AND (
        %(tenants)s::text[] IS NULL OR e.tenant_id = ANY (%(tenants)s::text[])
    )

-- object:   (query)
-- purpose:  how much there is to do, for the progress bar
SELECT coalesce(sum(b.event_count), 0)::bigint AS events
FROM {{ audit }}.blocks AS b
WHERE (%(since)s = 0 OR b.log_index >= %(since)s)
    AND (%(tenants)s::text[] IS NULL OR b.tenant_id = ANY (%(tenants)s::text[]))

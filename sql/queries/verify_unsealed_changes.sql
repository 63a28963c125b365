-- object:   (query)
-- purpose:  whether a control event that waits for its seal says that the configuration was changed
SELECT EXISTS (
    SELECT FROM {{ audit }}.change_events AS e
    WHERE e.operation = 'C' AND e.new_values ->> 'kind' = ANY (%(kinds)s::text[])
        AND e.occurred_at >= %(since)s::timestamptz - interval '1 hour'
        AND NOT EXISTS (
            SELECT FROM {{ audit }}.blocks AS b
            WHERE b.tenant_id = e.tenant_id
                AND b.last_event_id >= e.event_id AND b.first_event_id <= e.event_id
                AND e.event_id = ANY (b.event_ids)
        )
) AS said

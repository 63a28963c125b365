-- object:   (query)
-- purpose:  whether a control event that waits for its seal says that the configuration was changed
SELECT EXISTS (
    SELECT FROM (VALUES (%(before)s::text, %(after)s::text)) AS w (before, after)
    INNER JOIN {{ audit }}.change_events AS e ON e.operation = 'C'
    WHERE e.occurred_at >= %(since)s::timestamptz - interval '1 hour'
        AND {% include 'snippets/explains_config.sql' %}
        AND NOT EXISTS (
            SELECT FROM {{ audit }}.blocks AS b
            WHERE b.tenant_id = e.tenant_id
                AND b.last_event_id >= e.event_id AND b.first_event_id <= e.event_id
                AND e.event_id = ANY (b.event_ids)
        )
) AS said

-- object:   (query)
-- purpose:  windows between seals in which no control event says that the configuration was changed
SELECT w.number
FROM ROWS FROM (
    unnest(%(numbers)s::bigint[]), unnest(%(lows)s::bigint[]), unnest(%(highs)s::bigint[]),
    unnest(%(befores)s::text[]), unnest(%(afters)s::text[])
) AS w (number, low, high, before, after)
WHERE NOT EXISTS (
    SELECT FROM {{ audit }}.blocks AS b
    INNER JOIN {{ audit }}.change_events AS e ON e.event_id = ANY (b.event_ids)
    WHERE b.log_index > w.low AND b.log_index <= w.high AND e.operation = 'C'
        AND {% include 'snippets/explains_config.sql' %}
)

-- object:   (query)
-- purpose:  events after which the rows of a table are not what its events before it say
SELECT
    e.table_id,
    e.event_id,
    e.transaction_id,
    CASE
        WHEN e.operation = 'T' THEN CASE WHEN e.new_values ? 'partition' THEN 'left' ELSE 'emptied' END
        WHEN e.new_values ->> 'kind' = 'table-enabled' THEN 'enabled'
        WHEN e.new_values ->> 'kind' IN ('partition-detached', 'partition-dropped') THEN 'left'
        WHEN e.new_values ->> 'kind' = 'partition-attached' THEN 'joined'
        ELSE 'rewritten'
    END AS turn,
    e.new_values @> '{"empty": true}' OR EXISTS (
        SELECT FROM {{ audit }}.change_events AS b
        WHERE b.transaction_id = e.transaction_id AND b.table_id = e.table_id AND b.operation = 'B'
    ) AS baseline
FROM {{ audit }}.change_events AS e
WHERE e.table_id IS NOT NULL AND e.record_key IS NULL AND (
    e.operation = 'T'
    OR (e.operation = 'C' AND e.new_values ->> 'kind' IN (
        'table-enabled', 'partition-detached', 'partition-dropped', 'table-rewritten', 'type-changed',
        'table-configured'
    ))
    OR (e.operation = 'C' AND e.new_values @> '{"kind": "partition-attached", "baseline": false}')
)
ORDER BY e.table_id, e.event_id

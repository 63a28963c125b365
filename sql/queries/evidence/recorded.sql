-- object:   (query)
-- purpose:  what was recorded of some tables since when: what their declarations left out, as the log itself states it
SELECT
    e.table_id,
    e.event_id,
    to_char(timezone('UTC', e.occurred_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS since,
    e.new_values ->> 'kind' AS kind,
    (e.new_values #> '{declaration,operations}')::text AS operations,
    (e.new_values #> '{declaration,exclude}')::text AS exclude,
    (e.new_values #> '{declaration,when}')::text AS recorded_when
FROM {{ audit }}.change_events AS e
WHERE e.table_id = ANY (%(table_ids)s::integer[]) AND e.record_key IS NULL AND e.operation = 'C'
    AND e.new_values ->> 'kind' IN ('table-enabled', 'table-configured', 'table-disabled')
ORDER BY e.event_id

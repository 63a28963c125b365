-- object:   (query)
-- purpose:  events of each table since midnight (UTC); one or two partitions are read
SELECT e.table_id, count(*) AS events
FROM {{ audit }}.change_events AS e
WHERE e.occurred_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
    AND e.occurred_at < date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 day'
    AND e.table_id IS NOT NULL AND e.operation <> 'C'
GROUP BY e.table_id

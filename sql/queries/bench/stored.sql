-- object:   (query)
-- purpose:  what an event of each operation takes in the log, its share of the indexes included
WITH indexes AS (
    SELECT sum(pg_indexes_size(i.inhrelid)) AS bytes
    FROM pg_inherits AS i
    WHERE i.inhparent = {{ log }}::regclass
)

SELECT
    e.operation::text AS operation,
    count(*) AS events,
    -- 4: the pointer to the row in its page
    avg(pg_column_size(e) + 4 + coalesce(pg_column_size(p) + 4, 0))
        + min(i.bytes) / sum(count(*)) OVER () AS bytes
FROM {{ audit }}.change_events AS e
CROSS JOIN indexes AS i
LEFT JOIN {{ audit }}.personal_values AS p ON p.event_id = e.event_id AND p.occurred_at = e.occurred_at
GROUP BY e.operation

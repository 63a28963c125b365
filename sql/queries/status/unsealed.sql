-- object:   (query)
-- purpose:  events that the next seal would take, as far as the limit goes; the two branches use the index
SELECT
    count(*) AS events,
    extract(epoch FROM clock_timestamp() - min(e.occurred_at))::float8 AS oldest_s
FROM (
    (
        SELECT f.occurred_at
        FROM {{ audit }}.change_events AS f
        WHERE f.transaction_id >= %(snapshot_xmax)s AND f.event_id > %(event_id_boundary)s
            AND f.occurred_at >= coalesce(%(since)s::timestamptz, '-infinity')
        LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT f.occurred_at
        FROM {{ audit }}.change_events AS f
        WHERE f.transaction_id = ANY (%(open_then)s::bigint[]) AND f.event_id > %(event_id_boundary)s
            AND f.occurred_at >= coalesce(%(since)s::timestamptz, '-infinity')
        LIMIT %(limit)s
    )
) AS e

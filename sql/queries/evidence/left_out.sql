-- object:   (query)
-- purpose:  how many of a tenant's events are not among what is exported: sealed since, or not sealed yet
SELECT
    to_char(timezone('UTC', clock_timestamp()), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now,
    (
        SELECT coalesce(sum(b.event_count), 0)::bigint
        FROM {{ audit }}.blocks AS b
        WHERE b.tenant_id = %(tenant)s AND b.log_index >= %(size)s
    ) AS later,
    (SELECT count(*) FROM {{ audit }}.change_events AS e WHERE e.tenant_id = %(tenant)s) AS stored

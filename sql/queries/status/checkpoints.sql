-- object:   (query)
-- purpose:  the checkpoint that was prepared last, and what came of it
SELECT
    c.origin,
    c.size,
    s.log_size - c.size AS behind,
    c.anchors,
    c.note IS NOT NULL AS signed,
    extract(epoch FROM clock_timestamp() - c.prepared_at)::float8 AS prepared_age_s,
    extract(epoch FROM clock_timestamp() - c.published_at)::float8 AS published_age_s,
    (
        SELECT extract(epoch FROM clock_timestamp() - min(b.sealed_at))::float8
        FROM {{ audit }}.blocks AS b
        WHERE b.log_index = (
                SELECT max(d.size) FROM {{ audit }}.checkpoints AS d
                WHERE d.origin = c.origin AND d.published_at IS NOT NULL
            )
    ) AS unpublished_for_s
FROM {{ audit }}.checkpoints AS c
CROSS JOIN {{ audit }}.seal_state AS s
ORDER BY c.prepared_at DESC
LIMIT 1

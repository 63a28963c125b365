-- object:   (query)
-- purpose:  sizes of the newest log's published checkpoints
SELECT c.origin, c.size
FROM {{ audit }}.checkpoints AS c
WHERE c.note IS NOT NULL AND c.published_at IS NOT NULL AND c.size > 0
    AND c.origin = coalesce(%(origin)s, (
        SELECT n.origin FROM {{ audit }}.checkpoints AS n
        WHERE n.note IS NOT NULL AND n.published_at IS NOT NULL
        ORDER BY n.prepared_at DESC, n.size DESC
        LIMIT 1
    ))
ORDER BY c.size

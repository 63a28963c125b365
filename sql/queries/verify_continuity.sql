-- object:   (query)
-- purpose:  events of one table whose image before is not the one after the event before it on the same row
WITH RECURSIVE {% include 'snippets/verify_entries.sql' %}
,

-- a row with one event has none before it
changing AS MATERIALIZED (
    SELECT e.key FROM entry AS e GROUP BY e.key HAVING count(*) > 1
),

piece AS (
    SELECT
        e.key,
        c.name,
        c.told,
        e.event_id,
        e.operation,
        e.tenant_id,
        CASE WHEN c.told THEN e.before -> c.name END AS before,
        CASE WHEN c.told THEN e.after -> c.name END AS after,
        width_bucket(e.event_id, %(turns)s::bigint[]) AS epoch
    FROM entry AS e
    INNER JOIN changing AS g ON g.key = e.key
    INNER JOIN comparable AS v ON v.table_version = e.table_version
    CROSS JOIN LATERAL (
        SELECT k.name, true FROM jsonb_object_keys(coalesce(e.after, e.before)) AS k (name)
        WHERE k.name = ANY (v.firm)
        UNION ALL
        SELECT a.name, false FROM unnest(v.absent) AS a (name)
    ) AS c (name, told)
    UNION ALL
    SELECT
        e.key,
        c.name,
        true,
        e.event_id,
        'U',
        e.tenant_id,
        NULL,
        e.image -> c.name,
        width_bucket(e.event_id, %(turns)s::bigint[])
    FROM carried AS e
    INNER JOIN changing AS g ON g.key = e.key
    INNER JOIN comparable AS v ON v.table_version = e.table_version
    CROSS JOIN LATERAL jsonb_object_keys(e.image) AS c (name)
    WHERE c.name = ANY (v.firm)
),

pair AS (
    SELECT
        p.*,
        lag(p.event_id) OVER w AS earlier_id,
        lag(p.told) OVER w AS earlier_told,
        lag(p.after) OVER w AS earlier,
        lag(p.epoch) OVER w AS earlier_epoch
    FROM piece AS p
    WINDOW w AS (PARTITION BY p.key, p.name ORDER BY p.event_id)
)

SELECT
    p.tenant_id,
    p.key,
    p.event_id,
    max(p.earlier_id) AS earlier_id,
    bool_or(p.operation = 'I') AS inserted,
    bool_or(p.earlier IS NULL) AS ended,
    array_agg(p.name ORDER BY p.name COLLATE "C") AS columns
FROM pair AS p
WHERE p.told AND p.earlier_told AND p.earlier_epoch = p.epoch AND (
    (p.before IS NOT NULL AND p.before::text IS DISTINCT FROM p.earlier::text)
    OR (p.operation = 'I' AND p.earlier IS NOT NULL)
)
    -- an event between them may have told nothing of the columns
    AND NOT EXISTS (
        SELECT FROM entry AS b
        WHERE b.key = p.key AND (b.starts OR b.ends) AND b.event_id > p.earlier_id AND b.event_id < p.event_id
    )
GROUP BY p.tenant_id, p.key, p.event_id
ORDER BY p.event_id

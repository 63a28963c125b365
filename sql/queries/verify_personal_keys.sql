-- object:   (query)
-- purpose:  personal keys of a range of events that are not what the events' digests say
SELECT
    CASE WHEN k.event_id IS NULL THEN 'personal-missing' ELSE 'personal-changed' END AS kind,
    e.event_id,
    e.tenant_id,
    e.table_id,
    e.table_version,
    e.record_key
FROM (
    SELECT d.event_id, d.occurred_at, d.tenant_id, d.table_id, d.table_version, d.record_key
    FROM {{ audit }}.change_events AS d
    WHERE d.event_id BETWEEN %(first)s AND %(last)s AND starts_with(d.record_key, 'sha256:')
        AND (%(tenants)s::text[] IS NULL OR d.tenant_id = ANY (%(tenants)s::text[]))
        AND (d.table_id, d.table_version) IN (
            SELECT v.table_id, v.table_version FROM ROWS FROM (
                unnest(%(table_ids)s::integer[]), unnest(%(table_versions)s::integer[])
            ) AS v (table_id, table_version)
        )
    OFFSET 0
) AS e
LEFT JOIN (
    SELECT d.event_id, d.occurred_at
    FROM {{ audit }}.personal_keys AS d
    WHERE d.event_id BETWEEN %(first)s AND %(last)s
    OFFSET 0
) AS k ON k.event_id = e.event_id AND k.occurred_at = e.occurred_at
WHERE k.event_id IS NULL
UNION ALL
SELECT
    CASE WHEN e.event_id IS NULL THEN 'personal-unknown' ELSE 'personal-changed' END,
    k.event_id,
    coalesce(e.tenant_id, k.tenant_id),
    e.table_id,
    e.table_version,
    e.record_key
FROM (
    SELECT
        d.event_id,
        d.occurred_at,
        d.tenant_id,
        d.table_id,
        'sha256:' || encode(sha256(d.salt || convert_to(d.record_key, 'UTF8')), 'hex') AS digest
    FROM {{ audit }}.personal_keys AS d
    WHERE d.event_id BETWEEN %(first)s AND %(last)s
    OFFSET 0
) AS k
LEFT JOIN (
    SELECT d.event_id, d.occurred_at, d.tenant_id, d.table_id, d.table_version, d.record_key
    FROM {{ audit }}.change_events AS d
    WHERE d.event_id BETWEEN %(first)s AND %(last)s
    OFFSET 0
) AS e ON e.event_id = k.event_id AND e.occurred_at = k.occurred_at
WHERE (
        %(tenants)s::text[] IS NULL
        OR coalesce(e.tenant_id, k.tenant_id) = ANY (%(tenants)s::text[])
    )
    AND (
        e.record_key = k.digest AND e.tenant_id = k.tenant_id AND e.table_id = k.table_id
    ) IS NOT TRUE

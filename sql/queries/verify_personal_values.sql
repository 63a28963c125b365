-- object:   (query)
-- purpose:  personal values of a range of events that are not what the events commit to
SELECT
    CASE WHEN p.event_id IS NULL THEN 'personal-missing' ELSE 'personal-changed' END AS kind,
    e.event_id,
    e.tenant_id,
    e.table_id,
    e.table_version,
    e.record_key
FROM (
    SELECT
        d.event_id,
        d.occurred_at,
        d.tenant_id,
        d.table_id,
        d.table_version,
        d.record_key,
        d.personal_commitment
    FROM {{ audit }}.change_events AS d
    WHERE d.event_id BETWEEN %(first)s AND %(last)s AND d.personal_commitment IS NOT NULL
        AND (%(tenants)s::text[] IS NULL OR d.tenant_id = ANY (%(tenants)s::text[]))
    OFFSET 0
) AS e
LEFT JOIN (
    SELECT
        d.event_id,
        d.occurred_at,
        d.tenant_id,
        sha256(d.salt || convert_to(
            jsonb_build_array(d.old_values, d.new_values, d.context)::text, 'UTF8'
        )) AS commitment
    FROM {{ audit }}.personal_values AS d
    WHERE d.event_id BETWEEN %(first)s AND %(last)s
    OFFSET 0
) AS p ON p.event_id = e.event_id AND p.occurred_at = e.occurred_at
WHERE p.event_id IS NULL
    OR (p.commitment = e.personal_commitment AND p.tenant_id = e.tenant_id) IS NOT TRUE
UNION ALL
SELECT 'personal-unknown', p.event_id, p.tenant_id, NULL, NULL, NULL
FROM {{ audit }}.personal_values AS p
WHERE p.event_id BETWEEN %(first)s AND %(last)s
    AND (%(tenants)s::text[] IS NULL OR p.tenant_id = ANY (%(tenants)s::text[]))
    AND NOT EXISTS (
        SELECT FROM {{ audit }}.change_events AS e
        WHERE e.event_id = p.event_id AND e.occurred_at = p.occurred_at
            AND e.personal_commitment IS NOT NULL
            AND e.event_id BETWEEN %(first)s AND %(last)s
    )

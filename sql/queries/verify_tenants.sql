-- object:   (query)
-- purpose:  tenants that have events; each step is one look into an index
WITH RECURSIVE t AS (
    (SELECT e.tenant_id FROM {{ audit }}.change_events AS e ORDER BY e.tenant_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT e.tenant_id FROM {{ audit }}.change_events AS e
        WHERE e.tenant_id > t.tenant_id
        ORDER BY e.tenant_id LIMIT 1
    )
    FROM t
    WHERE t.tenant_id IS NOT NULL
)

SELECT t.tenant_id FROM t WHERE t.tenant_id IS NOT NULL

-- object:   (query)
-- purpose:  events that tell of changes to triggers, functions and guards
SELECT e.event_id
FROM {{ audit }}.change_events AS e
WHERE e.tenant_id = '_system' AND e.operation = 'C' AND (
    e.new_values ->> 'kind' IN (
        'installed', 'uninstalled', 'setting-changed', 'incarnation', 'triggers-changed', 'type-changed',
        'child-not-audited', 'child-detached', 'child-dropped'
    )
    OR e.new_values ->> 'kind' ~ '^(table|partition)-'
)
ORDER BY e.event_id

-- object:   (query)
-- purpose:  what the kit's own log says last about whether it is there
SELECT e.new_values ->> 'kind' AS kind
FROM {{ audit }}.change_events AS e
WHERE e.tenant_id = '_system' AND e.operation = 'C'
    AND e.new_values ->> 'kind' IN ('installed', 'uninstalled', 'kit-changed', 'table-enabled')
ORDER BY e.event_id DESC
LIMIT 1

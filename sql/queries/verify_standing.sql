-- object:   (query)
-- purpose:  what the kit's own log says last about whether it is there, and whether what records events is
SELECT
    e.new_values ->> 'kind' AS kind,
    EXISTS (
        SELECT FROM pg_proc AS p
        WHERE p.pronamespace = {{ schema_literal }}::regnamespace AND p.proname IN ('append_event', 'seal')
    ) AS installed
FROM {{ audit }}.change_events AS e
WHERE e.tenant_id = '_system' AND e.operation = 'C'
    AND e.new_values ->> 'kind' IN ('installed', 'uninstalled', 'kit-changed', 'table-enabled')
ORDER BY e.event_id DESC
LIMIT 1

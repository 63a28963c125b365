-- object:   (query)
-- purpose:  commands that changed guards of the kit, as event triggers recorded them, with who gave them
-- What was made and taken away again before a seal looked is in no digest: these events alone tell of it.
SELECT
    e.event_id,
    e.new_values ->> 'command' AS command,
    e.context ->> 'db_user' AS db_user,
    array_to_string(ARRAY(
        SELECT o.name FROM jsonb_array_elements_text(
            CASE jsonb_typeof(e.new_values -> 'objects') WHEN 'array' THEN e.new_values -> 'objects' ELSE '[]' END
        ) WITH ORDINALITY AS o (name, place)
        ORDER BY o.place
        LIMIT 5
    ), ', ') AS objects
FROM {{ audit }}.change_events AS e
WHERE e.tenant_id = '_system' AND e.event_id >= %(first)s AND e.operation = 'C'
    AND e.new_values ->> 'kind' = 'guards-changed' AND e.new_values ? 'objects'
    AND e.new_values ->> 'command' <> 'DROP TABLE' -- what such a table held is missed, if it held anything
ORDER BY e.event_id DESC
LIMIT 20

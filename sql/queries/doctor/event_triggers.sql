-- object:   (query)
-- purpose:  the kit's event triggers
SELECT e.evtname AS name, e.evtenabled::text AS enabled
FROM pg_event_trigger AS e
INNER JOIN pg_proc AS p ON p.oid = e.evtfoid
WHERE p.pronamespace = to_regnamespace({{ schema_literal }})

-- object:   (query)
-- purpose:  the kit's triggers on tables that are not its own
SELECT n.nspname AS schema, c.relname AS name, g.tgname AS trigger, g.tgenabled::text AS enabled, p.proname AS function
FROM pg_trigger AS g
INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
INNER JOIN pg_class AS c ON c.oid = g.tgrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.pronamespace = to_regnamespace({{ schema_literal }}) AND n.nspname <> {{ schema_name }}

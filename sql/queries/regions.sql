-- object:   (query)
-- purpose:  partitions of the log that do not lie as the regions are declared
WITH misplaced AS (
    {% include 'snippets/misplaced.sql' %}
)

SELECT m.name, m.is_open, m.problem FROM misplaced AS m
UNION ALL
-- under regions the log has no key of its own
SELECT c.relname, false, 'its primary key is missing'
FROM pg_class AS c
WHERE c.relnamespace = to_regnamespace({{ schema_literal }}) AND c.relkind = 'p'
    AND c.relname IN ('change_events', 'personal_keys', 'personal_values')
    AND ({{ declared }}) IS NULL
    AND NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = c.oid AND x.indisprimary)
    AND NOT EXISTS (SELECT FROM misplaced AS m WHERE m.root = c.oid)
ORDER BY 1 DESC

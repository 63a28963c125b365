-- object:   (query)
-- purpose:  publications that carry tables of the log away, and subscriptions that write into them
SELECT
    'publication' AS kind,
    p.pubname::text AS name,
    count(*) FILTER (WHERE p.schemaname = {{ schema_name }})::integer AS tables,
    string_agg(DISTINCT quote_ident(p.schemaname), ', ') FILTER (WHERE p.schemaname <> {{ schema_name }}) AS schemas
FROM pg_publication_tables AS p
GROUP BY p.pubname
HAVING bool_or(p.schemaname = {{ schema_name }})
UNION ALL
SELECT 'subscription', s.subname::text, count(*)::integer, NULL
FROM pg_subscription_rel AS r
INNER JOIN pg_subscription AS s ON s.oid = r.srsubid
INNER JOIN pg_class AS c ON c.oid = r.srrelid
WHERE c.relnamespace = to_regnamespace({{ schema_literal }})
GROUP BY s.subname
ORDER BY 1, 2

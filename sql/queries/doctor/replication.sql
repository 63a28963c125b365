-- object:   (query)
-- purpose:  publications that carry tables of the log away, and subscriptions that write into them
SELECT 'publication' AS kind, p.pubname::text AS name, count(*)::integer AS tables
FROM pg_publication_tables AS p
WHERE p.schemaname = {{ schema_name }}
GROUP BY p.pubname
UNION ALL
SELECT 'subscription', s.subname::text, count(*)::integer
FROM pg_subscription_rel AS r
INNER JOIN pg_subscription AS s ON s.oid = r.srsubid
INNER JOIN pg_class AS c ON c.oid = r.srrelid
WHERE c.relnamespace = to_regnamespace({{ schema_literal }})
GROUP BY s.subname
ORDER BY 1, 2

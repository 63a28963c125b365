-- object:   (query)
-- purpose:  tables that subscriptions fill; their apply workers fire no statement triggers
SELECT r.srrelid::bigint AS relation, min(s.subname::text) AS name
FROM pg_subscription_rel AS r
INNER JOIN pg_subscription AS s ON s.oid = r.srsubid
GROUP BY r.srrelid

-- object:   (query)
-- purpose:  who read the log in the last days: each reader with whose logs it could see, how often, and its last query
SELECT
    e.new_values ->> 'reader' AS reader,
    e.context ->> 'db_user' AS db_user,
    coalesce((e.new_values ->> 'auditor')::boolean, false) AS auditor,
    coalesce(e.new_values -> 'tenants', '[]') AS tenants,
    coalesce(e.new_values ->> 'function', 'events') AS object,
    count(*) AS reads,
    max(e.occurred_at) AS last_at,
    (array_agg(e.new_values ->> 'query' ORDER BY e.event_id DESC))[1] AS last_query
FROM {{ audit }}.change_events AS e
WHERE
    e.tenant_id = '_system'
    AND e.operation = 'C'
    AND e.new_values ->> 'kind' = 'log-read'
    AND e.occurred_at >= now() - make_interval(days => %(days)s)
GROUP BY 1, 2, 3, 4, 5
ORDER BY max(e.event_id) DESC

-- object:   (query)
-- purpose:  transactions of this database that have been open for long
SELECT
    'open' AS kind,
    format('process %s of %s (%s)', s.pid, coalesce(s.usename, '?'), coalesce(nullif(s.application_name, ''), '-')) AS what,
    s.state,
    extract(epoch FROM clock_timestamp() - s.xact_start)::float8 AS age_s
FROM pg_stat_activity AS s
WHERE s.datname = current_database() AND s.pid <> pg_backend_pid() AND s.backend_type = 'client backend'
    AND s.xact_start < clock_timestamp() - interval '1 minute'
UNION ALL
SELECT
    'prepared', format('%L of %s', x.gid, x.owner), NULL,
    extract(epoch FROM clock_timestamp() - x.prepared)::float8
FROM pg_prepared_xacts AS x
WHERE x.database = current_database()
ORDER BY 4 DESC

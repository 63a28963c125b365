-- object:   (query)
-- purpose:  extensions that the kit works with, whether created here or offered by the server
SELECT
    w.name,
    e.extversion AS version,
    a.default_version AS offered
FROM unnest('{pg_partman,pg_cron,pgaudit}'::text[]) WITH ORDINALITY AS w (name, number)
LEFT JOIN pg_extension AS e ON e.extname = w.name
LEFT JOIN pg_available_extensions AS a ON a.name = w.name
ORDER BY w.number

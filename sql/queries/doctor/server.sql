-- object:   (query)
-- purpose:  what kind of server and database this is
SELECT
    current_setting('server_version_num')::integer AS version_num,
    current_setting('server_version') AS version,
    current_setting('server_encoding') AS encoding,
    current_setting('wal_level') AS wal_level,
    pg_is_in_recovery() AS in_recovery

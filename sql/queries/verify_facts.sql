-- object:   (query)
-- purpose:  this snapshot, this clock and this copy of the database
SELECT
    pg_current_snapshot()::text AS snapshot,
    clock_timestamp() AS now,
    s.system_identifier,
    CASE WHEN pg_is_in_recovery()
        THEN (SELECT c.timeline_id FROM pg_control_checkpoint() AS c)
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    END AS timeline,
    d.oid::bigint AS database_oid
FROM pg_control_system() AS s
INNER JOIN pg_database AS d ON d.datname = current_database()

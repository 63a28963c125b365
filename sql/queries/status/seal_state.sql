-- object:   (query)
-- purpose:  where sealing stands, and from where events could be unsealed
SELECT
    s.log_size,
    s.sealed_at,
    extract(epoch FROM clock_timestamp() - s.sealed_at)::float8 AS age_s,
    pg_snapshot_xmax(s.snapshot)::text::bigint AS snapshot_xmax,
    ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s.snapshot) AS x) AS open_then,
    s.event_id_boundary,
    s.drained_at_xid IS NULL AND coalesce(s.system_identifier = c.system_identifier, true)
    AND coalesce(s.database_oid = d.oid, true) AS same_incarnation,
    (
        SELECT min(h.began_at) - interval '1 hour'
        FROM {{ audit }}.seal_horizon AS h
        WHERE h.transaction_id >= (
            SELECT max(o.transaction_id) FROM {{ audit }}.seal_horizon AS o
            WHERE o.transaction_id < pg_snapshot_xmin(s.snapshot)::text::bigint
        )
    ) AS since,
    (SELECT count(*) FROM {{ audit }}.chain_heads AS h WHERE h.tenant_id <> '_system') AS tenants,
    (SELECT coalesce(sum(h.event_count), 0)::bigint FROM {{ audit }}.chain_heads AS h) AS sealed_events
FROM {{ audit }}.seal_state AS s
CROSS JOIN pg_control_system() AS c
INNER JOIN pg_database AS d ON d.datname = current_database()

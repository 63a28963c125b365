-- object:   (query)
-- purpose:  each event of a range of ids: its hash against the block's, and can it be genuine
-- What is in order comes back as counts, anything else event by event. A volatile column (fence) keeps a
-- subquery apart, so that nothing is computed twice; unlike OFFSET 0 it leaves all of it to parallel workers.
SELECT
    j.tenant_id,
    j.class AS kind,
    j.table_id,
    j.table_version,
    j.suspect AS event_id,
    j.sealed,
    count(*) AS events,
    count(*) FILTER (WHERE j.personal) AS personal,
    min(j.event_id) AS first_event_id,
    extract(epoch FROM min(j.occurred_at))::float8 AS oldest,
    max(j.block_number) AS block_number,
    max(j.log_index) AS log_index,
    decode(
        max(CASE WHEN j.class = 'changed' THEN encode(j.sealed_hash, 'hex') END COLLATE "C"), 'hex'
    ) AS sealed_hash -- array_agg() would not be parallel before PostgreSQL 16
FROM (
    -- As a column of its own, the planner does not expect a group for each event.
    SELECT
        k.*,
        CASE WHEN k.class NOT IN ('ok', 'unsealed') THEN k.event_id END AS suspect,
        clock_timestamp() AS fence
    FROM (
        SELECT
            coalesce(s.tenant_id, e.tenant_id) AS tenant_id,
            e.table_id,
            e.table_version,
            e.event_id,
            e.occurred_at,
            e.personal,
            s.event_id IS NOT NULL AS sealed,
            s.block_number,
            s.log_index,
            s.hash AS sealed_hash,
            CASE
                WHEN s.event_id IS NOT NULL AND (e.hash = s.hash) IS NOT TRUE THEN 'changed'
                WHEN s.event_id IS NOT NULL AND e.tenant_id <> s.tenant_id THEN 'other-tenant'
                WHEN s.event_id IS NULL AND %(last_seal)s AND CASE
                    WHEN e.event_id > %(boundary)s
                        THEN e.transaction_id < %(seal_xmax)s
                            AND NOT e.transaction_id = ANY (%(seal_running)s::bigint[])
                    ELSE %(drained)s
                END THEN 'inserted'
                WHEN e.event_id < 1 OR e.event_id > %(last_event_id)s THEN 'event-id'
                WHEN e.operation IN ('I', 'U', 'D', 'T', 'B', 'C') IS NOT TRUE THEN 'operation'
                WHEN e.operation <> 'C' AND num_nulls(e.table_id, e.table_version) > 0 THEN 'table'
                -- an INSERT that was recorded by statement knows no row_xmin
                WHEN e.operation IN ('I', 'U') AND (
                    (e.row_xmin IS NULL AND NOT (
                        e.operation = 'I'
                        AND e.table_id::bigint << 32 | e.table_version = ANY (%(bulk)s::bigint[])
                    ))
                    OR (e.row_xmin::text::bigint - e.transaction_id) & 4294967295 >= 2147483648
                ) THEN 'row-xmin'
                WHEN e.transaction_id < 3 THEN 'transaction-id'
                WHEN e.occurred_at > coalesce(s.sealed_at, %(now)s) + interval '1 hour' THEN 'too-late'
                WHEN e.event_id <= %(boundary)s OR NOT (%(same)s OR s.event_id IS NOT NULL)
                    THEN CASE WHEN s.event_id IS NULL THEN 'unsealed' ELSE 'ok' END
                WHEN %(same)s AND (
                    e.transaction_id >= %(xmax)s OR e.transaction_id = ANY (%(running)s::bigint[])
                ) THEN 'transaction-id'
                WHEN e.event_id <= (%(seal_event_ids)s::bigint[])[
                    width_bucket(e.transaction_id, %(seal_xmaxs)s::bigint[])
                ] THEN 'order'
                WHEN e.occurred_at < (%(seal_times)s::timestamptz[])[
                    width_bucket(e.transaction_id, %(seal_xmaxs)s::bigint[])
                ] THEN 'too-early'
                WHEN s.event_id IS NULL THEN 'unsealed'
                ELSE 'ok'
            END AS class,
            clock_timestamp() AS apart
        FROM (
            SELECT
                e.tenant_id,
                e.table_id,
                e.table_version,
                e.event_id,
                e.occurred_at,
                e.transaction_id,
                e.operation,
                e.row_xmin,
                e.personal_commitment IS NOT NULL AS personal,
                sha256(convert_to(
{% with event_id = sql('e.event_id'), tenant_id = sql('e.tenant_id') %}
{% include 'snippets/line_text.sql' %}
{% endwith %}
                , 'UTF8')) AS hash,
                clock_timestamp() AS fence
            FROM {{ audit }}.change_events AS e
            WHERE e.event_id BETWEEN %(first)s AND %(last)s
                AND (%(tenants)s::text[] IS NULL OR e.tenant_id = ANY (%(tenants)s::text[]))
        ) AS e
        LEFT JOIN (
{% include 'snippets/verify_sealed.sql' %}
        ) AS s ON s.event_id = e.event_id
    ) AS k
) AS j
GROUP BY 1, 2, 3, 4, 5, 6

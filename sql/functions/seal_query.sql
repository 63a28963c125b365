-- object:   function audit.seal_query(boolean, boolean)
-- requires: tables/change_events.sql, tables/blocks.sql
-- purpose:  the one statement that reads what a seal takes, a row for each block to be
-- $1 xmax of the last seal's snapshot, $2 own transaction, $3 boundary of the incarnation, $4 how far back,
-- $5 what ran during the last seal, $6 a new incarnation begins, $7 boundary of the one before.
CREATE OR REPLACE FUNCTION {{ audit }}.seal_query(p_draining boolean, p_new_incarnation boolean)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $fn$
    SELECT format(
        $q$
        WITH candidates AS (
            SELECT e.tenant_id, e.event_id, sha256(convert_to(%1$s, 'UTF8')) AS hash
            FROM {{ audit }}.change_events AS e
            -- + 0: the index on numbers would be read from its beginning in a partition without statistics
            WHERE e.transaction_id >= $1 AND e.transaction_id <> $2 AND e.event_id + 0 > $3 AND e.occurred_at >= $4
                AND NOT $6
            UNION ALL
            SELECT e.tenant_id, e.event_id, sha256(convert_to(%1$s, 'UTF8')) AS hash
            FROM {{ audit }}.change_events AS e
            WHERE e.transaction_id = ANY ($5) AND e.transaction_id <> $2 AND e.event_id + 0 > $3
                AND e.occurred_at >= $4 AND NOT $6
            %2$s
        ),

        -- One sort for both aggregates. Numbers by the million: what one aggregate holds stays small.
        runs AS (
            SELECT
                c.tenant_id,
                c.run,
                array_agg(c.event_id) AS event_ids,
                string_agg(c.hash, '') AS event_hashes
            FROM (
                SELECT d.tenant_id, d.event_id >> 20 AS run, d.event_id, d.hash
                FROM candidates AS d
                ORDER BY d.tenant_id, d.event_id >> 20, d.event_id
            ) AS c
            GROUP BY c.tenant_id, c.run
        ),

        batches AS (
            SELECT
                r.tenant_id,
                r.run,
                p.part,
                r.event_ids[p.part * 65536 + 1 : (p.part + 1) * 65536] AS event_ids,
                substr(r.event_hashes, p.part * 2097152 + 1, 2097152) AS event_hashes
            FROM runs AS r
            CROSS JOIN LATERAL generate_series(0, (cardinality(r.event_ids) - 1) / 65536) AS p (part)
        )

        SELECT s.snapshot, b.tenant_id, b.event_ids, b.event_hashes
        FROM (SELECT pg_current_snapshot() AS snapshot) AS s
        LEFT JOIN batches AS b ON true
        ORDER BY b.tenant_id = '_system', b.tenant_id, b.run, b.part
        $q$,
        l.line,
        CASE WHEN p_draining THEN format(
            $q$
            UNION ALL
            SELECT e.tenant_id, e.event_id, sha256(convert_to(%1$s, 'UTF8')) AS hash
            FROM {{ audit }}.change_events AS e
            WHERE %2$s AND e.transaction_id <> $2 AND NOT EXISTS (
                SELECT FROM (SELECT unnest(b.event_ids) AS event_id FROM {{ audit }}.blocks AS b WHERE %3$s) AS z
                WHERE z.event_id = e.event_id
            )
            $q$,
            l.line,
            -- first all that is here, then what was under way at that moment
            CASE WHEN p_new_incarnation THEN 'true' ELSE 'e.event_id > $7 AND e.event_id <= $3' END,
            CASE WHEN p_new_incarnation THEN 'true' ELSE 'b.last_event_id > $7' END
        ) ELSE '' END
    )
    FROM (
        SELECT $line${% with event_id = sql('e.event_id'), tenant_id = sql('e.tenant_id') %}{% include 'snippets/line_text.sql' %}{% endwith %}$line$
    ) AS l (line)
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.seal_query(boolean, boolean) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.seal_query(boolean, boolean) IS 'The statement with which seal() reads what it seals.';

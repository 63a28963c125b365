        -- A volatile column keeps a subquery apart, so that a block's hashes are unpacked once and never carried
        -- along whole; unlike OFFSET 0 it lets parallel workers share the work.
        SELECT
            t.tenant_id,
            t.block_number,
            t.log_index,
            t.sealed_at,
            t.event_id,
            substr(t.event_hashes, t.ordinality * 32 - 31, 32) AS hash,
            clock_timestamp() AS fence
        FROM (
            SELECT
                b.tenant_id,
                b.block_number,
                b.log_index,
                b.sealed_at,
                b.event_hashes,
                unnest(b.event_ids) AS event_id,
                generate_series(1, cardinality(b.event_ids)) AS ordinality
            FROM (
                SELECT
                    d.tenant_id,
                    d.block_number,
                    d.log_index,
                    d.sealed_at,
                    d.event_ids,
                    d.event_hashes || ''::bytea AS event_hashes,
                    clock_timestamp() AS fence
                FROM {{ audit }}.blocks AS d
                WHERE d.log_index BETWEEN %(log_low)s AND %(log_high)s
                    AND (
                        (d.last_event_id >= %(first)s AND d.first_event_id <= %(last)s)
                        OR d.log_index = ANY (%(false_columns)s::bigint[])
                    )
                    AND (%(tenants)s::text[] IS NULL OR d.tenant_id = ANY (%(tenants)s::text[]))
            ) AS b
        ) AS t
        WHERE t.event_id BETWEEN %(first)s AND %(last)s

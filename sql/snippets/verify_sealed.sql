        -- The fences (OFFSET 0) keep a block's hashes unpacked once, and never carried along whole.
        SELECT
            b.tenant_id,
            b.block_number,
            b.log_index,
            b.sealed_at,
            u.event_id,
            substr(b.event_hashes, (u.ordinality * 32 - 31)::integer, 32) AS hash
        FROM (
            SELECT
                d.tenant_id,
                d.block_number,
                d.log_index,
                d.sealed_at,
                d.event_ids,
                d.event_hashes || ''::bytea AS event_hashes
            FROM {{ audit }}.blocks AS d
            WHERE d.log_index BETWEEN %(log_low)s AND %(log_high)s
                AND (
                    (d.last_event_id >= %(first)s AND d.first_event_id <= %(last)s)
                    OR d.log_index = ANY (%(false_columns)s::bigint[])
                )
                AND (%(tenants)s::text[] IS NULL OR d.tenant_id = ANY (%(tenants)s::text[]))
            OFFSET 0
        ) AS b
        CROSS JOIN LATERAL unnest(b.event_ids) WITH ORDINALITY AS u (event_id, ordinality)
        WHERE u.event_id BETWEEN %(first)s AND %(last)s
        OFFSET 0

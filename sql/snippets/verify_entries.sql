-- What each event says of a key: an update that changes the key ends one and begins another, of which it
-- tells the changed columns alone.
comparable AS MATERIALIZED (
    SELECT v.table_version, array_agg(c.name) AS names
    FROM {{ audit }}.table_versions AS v
    CROSS JOIN LATERAL jsonb_to_recordset(v.columns) AS c (attnum integer, name text, type text, recorded text)
    INNER JOIN jsonb_to_recordset(%(recorded_columns)s::jsonb)
        AS n (attnum integer, name text, type text, recorded text)
        ON n.attnum = c.attnum AND n.name = c.name AND n.type = c.type
    WHERE v.table_id = %(table_id)s AND c.recorded IN ('yes', 'personal') AND n.recorded IN ('yes', 'personal')
        AND c.name = ANY (%(present)s::text[])
    GROUP BY v.table_version
),

event AS (
    SELECT
        e.event_id,
        e.record_key,
        e.operation,
        e.tenant_id,
        e.table_version,
        e.row_xmin,
        CASE WHEN p.event_id IS NULL THEN e.old_values ELSE coalesce(e.old_values, '{}') || coalesce(p.old_values, '{}') END
            AS old_values,
        CASE WHEN p.event_id IS NULL THEN e.new_values ELSE coalesce(e.new_values, '{}') || coalesce(p.new_values, '{}') END
            AS new_values,
        e.old_values IS NULL AS starts,
        e.operation = 'D' OR e.new_values IS NULL AS ends,
        (e.new_values ? '~row' AND e.new_values - '~row' = '{}')
            OR (e.personal_commitment IS NOT NULL AND p.event_id IS NULL) AS blank
    FROM {{ audit }}.change_events AS e
    LEFT JOIN {{ audit }}.personal_values AS p
        ON p.event_id = e.event_id AND p.occurred_at = e.occurred_at
        AND e.personal_commitment IS NOT NULL
    WHERE e.table_id = %(table_id)s AND e.operation IN ('I', 'U', 'D', 'B')
        AND e.event_id > %(floor)s AND e.record_key IS NOT NULL
),

keyed AS (
    SELECT
        e.*,
        CASE WHEN e.operation = 'U' AND NOT e.ends AND e.new_values ?| %(key_columns)s::text[]
            THEN {{ new_key }} END AS new_key
    FROM event AS e
),

entry AS MATERIALIZED (
    SELECT
        k.record_key AS key,
        k.event_id,
        k.operation,
        k.tenant_id,
        k.table_version,
        k.row_xmin,
        k.starts OR (k.blank AND NOT k.ends) AS starts,
        k.ends OR k.new_key <> k.record_key IS TRUE AS ends,
        CASE WHEN NOT k.starts THEN k.old_values END AS before,
        CASE WHEN NOT (k.ends OR k.new_key <> k.record_key IS TRUE) THEN k.new_values END AS after
    FROM keyed AS k
    UNION ALL
    SELECT
        CASE WHEN octet_length(k.new_key) > 1000
            THEN 'sha256:' || encode(sha256(convert_to(k.new_key, 'UTF8')), 'hex') ELSE k.new_key END,
        k.event_id, k.operation, k.tenant_id, k.table_version, k.row_xmin, true, false, NULL::jsonb, k.new_values
    FROM keyed AS k
    WHERE k.new_key <> k.record_key
)

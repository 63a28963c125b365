-- What each event says of a key: an update that changes the key ends one and begins another, of which it
-- tells the changed columns alone; the others are carried over from what the events on the old key say.
-- Of each definition: `names` are the present columns that it had, `firm` those with the type that they have
-- now, `absent` those that had another name or were not recorded, so that its events may have changed them
-- and do not tell; `renamed` are the names that some of these had; `whole` says that it recorded the present
-- columns and no others.
definition AS MATERIALIZED (
    SELECT
        v.table_version,
        c.*,
        c.recorded IN ('yes', 'personal') AS is_recorded,
        n.name IS NOT NULL AS is_present
    FROM {{ audit }}.table_versions AS v
    CROSS JOIN LATERAL jsonb_to_recordset(v.columns) AS c (attnum integer, name text, type text, recorded text)
    LEFT JOIN jsonb_to_recordset(%(recorded_columns)s::jsonb) AS n (name text) ON n.name = c.name
    WHERE v.table_id = %(table_id)s
),

comparable AS MATERIALIZED (
    SELECT
        v.table_version,
        coalesce(array_agg(n.name) FILTER (WHERE c.is_same), '{}') AS names,
        coalesce(array_agg(n.name) FILTER (WHERE c.is_same AND d.type = n.type), '{}') AS firm,
        coalesce(array_agg(n.name) FILTER (WHERE NOT c.is_same), '{}') AS absent,
        coalesce(jsonb_object_agg(n.name, r.name) FILTER (WHERE r.name IS NOT NULL), '{}') AS renamed,
        bool_and(c.is_same AND d.type = n.type) AND count(*) = v.recorded AS whole
    FROM (
        SELECT e.table_version, count(*) FILTER (WHERE e.is_recorded) AS recorded
        FROM definition AS e
        GROUP BY e.table_version
    ) AS v
    CROSS JOIN jsonb_to_recordset(%(recorded_columns)s::jsonb)
        AS n (attnum integer, name text, type text, recorded text)
    LEFT JOIN definition AS d ON d.table_version = v.table_version AND d.name = n.name
    CROSS JOIN LATERAL (SELECT (d.attnum = n.attnum AND d.is_recorded) IS TRUE) AS c (is_same)
    -- in a restored table the numbers may be others'
    LEFT JOIN definition AS r
        ON r.table_version = v.table_version AND r.attnum = n.attnum AND r.is_recorded AND NOT r.is_present
        AND d.name IS NULL
    WHERE n.recorded IN ('yes', 'personal') AND n.name = ANY (%(present)s::text[])
    GROUP BY v.table_version, v.recorded
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
        x.key,
        k.event_id,
        k.operation,
        k.tenant_id,
        k.table_version,
        k.row_xmin,
        x.starts,
        x.ends,
        x.before,
        x.after,
        x.old_key
    FROM keyed AS k
    CROSS JOIN LATERAL (
        SELECT
            k.record_key AS key,
            k.starts OR (k.blank AND NOT k.ends) AS starts,
            k.ends OR k.new_key <> k.record_key IS TRUE AS ends,
            CASE WHEN NOT k.starts THEN k.old_values END AS before,
            CASE WHEN NOT (k.ends OR k.new_key <> k.record_key IS TRUE) THEN k.new_values END AS after,
            NULL::text AS old_key
        UNION ALL
        SELECT
            CASE WHEN octet_length(k.new_key) > 1000
                THEN 'sha256:' || encode(sha256(convert_to(k.new_key, 'UTF8')), 'hex') ELSE k.new_key END,
            true, false, NULL::jsonb, k.new_values, k.record_key
        WHERE k.new_key <> k.record_key
    ) AS x
),

stay AS MATERIALIZED (
    SELECT
        e.key,
        e.event_id,
        e.table_version,
        e.after,
        width_bucket(e.event_id, %(turns)s::bigint[]) AS epoch,
        coalesce(max(e.event_id) FILTER (WHERE e.starts) OVER (PARTITION BY e.key ORDER BY e.event_id), 0) AS start_at
    FROM entry AS e
    WHERE e.key IN (SELECT m.old_key FROM entry AS m WHERE m.old_key IS NOT NULL)
),

move AS MATERIALIZED (
    SELECT m.key, m.event_id, m.table_version, m.tenant_id, m.after, s.key AS old_key, s.start_at, s.epoch
    FROM entry AS m
    INNER JOIN stay AS s ON s.key = m.old_key AND s.event_id = m.event_id
    WHERE m.old_key IS NOT NULL
),

stated AS MATERIALIZED (
    SELECT
        w.key,
        w.event_id,
        coalesce(jsonb_object_agg(w.name, w.value) FILTER (WHERE w.told), '{}') AS image,
        coalesce(array_agg(w.name) FILTER (WHERE NOT w.told), '{}') AS untold
    FROM (
        SELECT DISTINCT ON (m.key, m.event_id, c.name)
            m.key, m.event_id, c.name, c.told, s.after -> c.name AS value
        FROM move AS m
        INNER JOIN stay AS s
            ON s.key = m.old_key AND s.start_at = m.start_at AND s.event_id <= m.event_id AND s.epoch = m.epoch
        INNER JOIN comparable AS v ON v.table_version = s.table_version
        CROSS JOIN LATERAL (
            SELECT k.name, true FROM jsonb_object_keys(s.after) AS k (name) WHERE k.name = ANY (v.firm)
            UNION ALL
            SELECT a.name, false FROM unnest(v.absent) AS a (name)
        ) AS c (name, told)
        ORDER BY m.key, m.event_id, c.name, s.event_id DESC
    ) AS w
    GROUP BY w.key, w.event_id
),

trail AS (
    SELECT m.key, m.event_id, m.epoch, coalesce(s.image, '{}') AS image
    FROM move AS m
    LEFT JOIN stated AS s ON s.key = m.key AND s.event_id = m.event_id
    WHERE NOT EXISTS (SELECT FROM move AS p WHERE p.key = m.old_key AND p.event_id = m.start_at)
    UNION ALL
    SELECT
        m.key,
        m.event_id,
        m.epoch,
        CASE WHEN t.epoch = m.epoch THEN t.image - coalesce(s.untold, '{}') ELSE '{}' END || coalesce(s.image, '{}')
    FROM trail AS t
    INNER JOIN move AS m ON m.old_key = t.key AND m.start_at = t.event_id
    LEFT JOIN stated AS s ON s.key = m.key AND s.event_id = m.event_id
),

carried AS MATERIALIZED (
    SELECT
        m.key,
        m.event_id,
        m.tenant_id,
        m.table_version,
        t.image - ARRAY(SELECT jsonb_object_keys(m.after)) AS image
    FROM move AS m
    INNER JOIN trail AS t ON t.key = m.key AND t.event_id = m.event_id
)

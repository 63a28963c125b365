-- object:   (query)
-- purpose:  rows of one table that its events do not give: the newest images against the table, each way
WITH RECURSIVE {% include 'snippets/verify_entries.sql' %}
,

state AS (
    SELECT
        s.key,
        s.newest[1]::bigint AS event_id,
        s.newest[2] AS tenant_id,
        s.newest[3] AS row_xmin,
        s.newest[4]::boolean AS ends,
        s.newest[5] AS image,
        s.start_at
    FROM (
        SELECT
            e.key,
            max(ARRAY[
                lpad(e.event_id::text, 19, '0'), e.tenant_id, e.row_xmin::text, e.ends::text,
                CASE WHEN e.starts AND v.whole AND e.event_id > %(rewritten)s THEN e.after::text END
            ] COLLATE "C") AS newest,
            max(e.event_id) FILTER (WHERE e.starts) AS start_at
        FROM entry AS e
        LEFT JOIN comparable AS v ON v.table_version = e.table_version
        GROUP BY e.key
    ) AS s
),

live AS (
    SELECT
        CASE WHEN octet_length(l.key) > 1000
            THEN 'sha256:' || encode(sha256(convert_to(l.key, 'UTF8')), 'hex') ELSE l.key END AS key,
        l.tenant,
        l.row_xmin,
        l.image
    FROM (
        SELECT {{ key }} AS key, {{ tenant }} AS tenant, t.xmin::text AS row_xmin, {{ images }} AS image
        FROM {{ relation }} AS t
    ) AS l
),

-- most rows are as the one event left them that there is
suspect AS MATERIALIZED (
    SELECT
        coalesce(l.key, s.key) AS key,
        l.key IS NOT NULL AS there,
        s.key IS NOT NULL AS known,
        l.tenant,
        l.row_xmin,
        l.image,
        s.tenant_id AS last_tenant,
        s.row_xmin AS last_xmin,
        s.event_id,
        s.ends,
        s.start_at
    FROM live AS l
    FULL JOIN state AS s ON s.key = l.key
    WHERE (l.image::text = s.image AND NOT s.ends) IS NOT TRUE AND (l.key IS NOT NULL OR NOT s.ends)
),

-- Of each column: [its newest value]; [it, 'earlier'] where an older definition wrote it, which may look
-- otherwise now, or under another name; [] where an event may have changed it and does not tell
image AS (
    SELECT
        s.key,
        jsonb_object_agg(c.name, CASE
            WHEN c.source IS NULL THEN '[]'::jsonb
            WHEN e.event_id > %(rewritten)s AND c.name = ANY (v.firm) THEN jsonb_build_array(e.image -> c.name)
            ELSE jsonb_build_array(e.image -> c.source, 'earlier')
        END ORDER BY e.event_id) AS value
    FROM suspect AS s
    INNER JOIN (
        SELECT n.key, n.event_id, n.table_version, n.after AS image FROM entry AS n
        UNION ALL
        SELECT n.key, n.event_id, n.table_version, n.image FROM carried AS n
    ) AS e ON e.key = s.key AND e.event_id >= coalesce(s.start_at, 0)
    INNER JOIN comparable AS v ON v.table_version = e.table_version
    CROSS JOIN LATERAL (
        SELECT k.name, k.name FROM jsonb_object_keys(e.image) AS k (name) WHERE k.name = ANY (v.names)
        UNION ALL
        SELECT a.name, v.renamed ->> a.name FROM unnest(v.absent) AS a (name)
        WHERE NOT v.renamed ? a.name OR e.image ? (v.renamed ->> a.name)
    ) AS c (name, source)
    WHERE s.there AND NOT s.ends
    GROUP BY s.key
),

differing AS (
    SELECT
        s.key,
        array_agg(j.key ORDER BY j.key COLLATE "C")
            FILTER (WHERE jsonb_array_length(j.value) = 1 AND s.image ->> j.key IS DISTINCT FROM j.value ->> 0)
            AS columns,
        -- of which the digits of a number are no difference
        bool_or(
            jsonb_array_length(j.value) = 2 AND s.image ->> j.key IS DISTINCT FROM j.value ->> 0
            AND s.image -> j.key IS DISTINCT FROM j.value -> 0
        ) AS uncertain
    FROM suspect AS s
    INNER JOIN image AS i ON i.key = s.key
    CROSS JOIN LATERAL jsonb_each(i.value) AS j
    WHERE NOT (jsonb_typeof(j.value -> 0) = 'object' AND j.value -> 0 ? '~sha256')
    GROUP BY s.key
),

judged AS (
    SELECT
        s.key,
        coalesce(
            CASE WHEN %(knows_tenant)s AND s.there THEN (
                SELECT {% include 'snippets/stored_tenant.sql' %} FROM (SELECT s.tenant) AS p (p_value)
            ) END,
            s.last_tenant
        ) AS tenant_id,
        s.event_id,
        s.row_xmin IS NOT DISTINCT FROM s.last_xmin AS same_version,
        d.columns,
        CASE
            WHEN NOT s.there THEN CASE
                WHEN NOT s.ends AND s.event_id > %(left)s THEN 'missing'
            END
            WHEN NOT s.known THEN CASE
                WHEN %(covered)s THEN 'unknown'
                WHEN %(xmin_tells)s AND (%(xmax)s - s.row_xmin::bigint) & 4294967295 < %(xmax)s - %(since_xid)s
                    AND s.row_xmin::bigint > 2
                    THEN 'doubtful'
                ELSE 'not-covered'
            END
            WHEN s.ends THEN CASE WHEN s.event_id > %(joined)s THEN 'deleted' ELSE 'not-covered' END
            WHEN d.columns IS NOT NULL THEN 'differs'
            WHEN d.uncertain THEN 'uncertain'
        END AS kind
    FROM suspect AS s
    LEFT JOIN differing AS d ON d.key = s.key
)

SELECT
    j.kind,
    j.tenant_id,
    CASE WHEN j.kind NOT IN ('not-covered', 'doubtful', 'uncertain') THEN j.key END AS key,
    j.event_id,
    j.same_version,
    CASE WHEN j.kind = 'differs' THEN j.columns END AS columns,
    1::bigint AS rows
FROM judged AS j
WHERE j.kind NOT IN ('not-covered', 'doubtful', 'uncertain')
UNION ALL
SELECT j.kind, j.tenant_id, NULL, NULL, NULL, NULL, count(*)
FROM judged AS j
WHERE j.kind IN ('not-covered', 'doubtful', 'uncertain')
GROUP BY j.kind, j.tenant_id

-- object:   (query)
-- purpose:  rows of one table that its events do not give: the newest images against the table, each way
WITH RECURSIVE {% include 'snippets/verify_entries.sql' %}
,

state AS MATERIALIZED (
    SELECT
        s.key,
        s.newest[1]::bigint AS event_id,
        s.newest[2] AS tenant_id,
        s.newest[3] AS row_xmin,
        s.newest[4]::boolean AS ends,
        s.start_at
    FROM (
        SELECT
            e.key,
            max(ARRAY[lpad(e.event_id::text, 19, '0'), e.tenant_id, e.row_xmin::text, e.ends::text]) AS newest,
            max(e.event_id) FILTER (WHERE e.starts) AS start_at
        FROM entry AS e
        GROUP BY e.key
    ) AS s
),

newest AS (
    SELECT DISTINCT ON (e.key, c.name)
        e.key,
        c.name,
        e.image -> c.name AS value,
        -- what an older definition wrote may look otherwise now
        e.event_id > %(rewritten)s AND c.name = ANY (v.firm) AS firm
    FROM (
        SELECT n.key, n.event_id, n.table_version, n.after AS image FROM entry AS n
        UNION ALL
        SELECT n.key, n.event_id, n.table_version, n.image FROM carried AS n
    ) AS e
    INNER JOIN state AS s ON s.key = e.key AND NOT s.ends AND e.event_id >= coalesce(s.start_at, 0)
    INNER JOIN comparable AS v ON v.table_version = e.table_version
    CROSS JOIN LATERAL jsonb_object_keys(e.image) AS c (name)
    WHERE c.name = ANY (v.names)
    ORDER BY e.key, c.name, e.event_id DESC
),

image AS (
    SELECT
        n.key,
        jsonb_object_agg(n.name, n.value) FILTER (WHERE n.firm) AS value,
        jsonb_object_agg(n.name, n.value) FILTER (WHERE NOT n.firm) AS earlier
    FROM newest AS n
    WHERE NOT (jsonb_typeof(n.value) = 'object' AND n.value ? '~sha256')
    GROUP BY n.key
),

live AS MATERIALIZED (
    SELECT
        CASE WHEN octet_length(l.key) > 1000
            THEN 'sha256:' || encode(sha256(convert_to(l.key, 'UTF8')), 'hex') ELSE l.key END AS key,
        CASE WHEN %(knows_tenant)s THEN (
            SELECT {% include 'snippets/stored_tenant.sql' %} FROM (SELECT l.tenant) AS p (p_value)
        ) END AS tenant_id,
        l.row_xmin,
        l.image
    FROM (
        SELECT
            {{ key }} AS key,
            {{ tenant }} AS tenant,
            t.xmin::text AS row_xmin,
            (
                SELECT jsonb_object_agg(c.name, c.image)
                FROM (VALUES {{ images }}) AS c (name, image)
                WHERE c.name IS NOT NULL
            ) AS image
        FROM {{ relation }} AS t
    ) AS l
),

judged AS (
    SELECT
        coalesce(l.key, s.key) AS key,
        coalesce(l.tenant_id, s.tenant_id) AS tenant_id,
        s.event_id,
        l.row_xmin IS NOT DISTINCT FROM s.row_xmin AS same_version,
        CASE
            WHEN l.key IS NULL THEN CASE
                WHEN NOT s.ends AND s.event_id > %(left)s THEN 'missing'
            END
            WHEN s.key IS NULL THEN CASE
                WHEN %(covered)s THEN 'unknown'
                WHEN %(xmin_tells)s AND (%(xmax)s - l.row_xmin::bigint) & 4294967295 < %(xmax)s - %(since_xid)s
                    AND l.row_xmin::bigint > 2
                    THEN 'doubtful'
                ELSE 'not-covered'
            END
            WHEN s.ends THEN CASE WHEN s.event_id > %(joined)s THEN 'deleted' ELSE 'not-covered' END
            WHEN EXISTS (
                SELECT FROM jsonb_each_text(i.value) AS j WHERE l.image ->> j.key IS DISTINCT FROM j.value
            ) THEN 'differs'
            WHEN EXISTS (
                SELECT FROM jsonb_each(i.earlier) AS j
                WHERE l.image -> j.key IS DISTINCT FROM j.value
                    AND l.image ->> j.key IS DISTINCT FROM i.earlier ->> j.key
            ) THEN 'uncertain'
        END AS kind,
        i.value AS value,
        l.image
    FROM live AS l
    FULL JOIN state AS s ON s.key = l.key
    LEFT JOIN image AS i ON i.key = s.key
)

SELECT
    j.kind,
    j.tenant_id,
    CASE WHEN j.kind NOT IN ('not-covered', 'doubtful', 'uncertain') THEN j.key END AS key,
    j.event_id,
    j.same_version,
    (
        SELECT array_agg(d.key ORDER BY d.key COLLATE "C")
        FROM jsonb_each_text(j.value) AS d
        WHERE j.kind = 'differs' AND j.image ->> d.key IS DISTINCT FROM d.value
    ) AS columns,
    1::bigint AS rows
FROM judged AS j
WHERE j.kind NOT IN ('not-covered', 'doubtful', 'uncertain')
UNION ALL
SELECT j.kind, j.tenant_id, NULL, NULL, NULL, NULL, count(*)
FROM judged AS j
WHERE j.kind IN ('not-covered', 'doubtful', 'uncertain')
GROUP BY j.kind, j.tenant_id

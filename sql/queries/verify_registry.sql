-- object:   (query)
-- purpose:  where registry and settings say otherwise than the log's own events, which say how they came to be
-- Events that are in an archive tell nothing: what no event tells of is not judged.
WITH told AS MATERIALIZED (
    SELECT e.event_id, e.table_id, e.table_version, e.new_values ->> 'kind' AS kind, e.new_values AS said
    FROM {{ audit }}.change_events AS e
    WHERE e.tenant_id = '_system' AND e.operation = 'C' AND e.new_values ->> 'kind' IN (
        'incarnation', 'installed', 'setting-changed', 'table-changed', 'table-configured', 'table-disabled',
        'table-dropped', 'table-enabled'
    )
),

-- the newest of each table, of each of its versions, and of each setting
standing AS (
    SELECT DISTINCT ON (o.table_id)
        o.table_id,
        o.kind NOT IN ('table-disabled', 'table-dropped') AS enabled,
        o.said ->> 'table' AS name
    FROM told AS o
    WHERE o.table_id IS NOT NULL
    ORDER BY o.table_id, o.event_id DESC
),

declared AS (
    SELECT DISTINCT ON (o.table_id)
        o.table_id,
        o.said -> 'declaration' AS declaration,
        -- columns have other numbers in a copy that was restored
        CASE WHEN o.event_id > coalesce((SELECT max(i.event_id) FROM told AS i WHERE i.kind = 'incarnation'), 0) THEN (
            SELECT c.attnum
            FROM jsonb_to_recordset(o.said -> 'columns') AS c (attnum smallint, name text)
            WHERE c.name = o.said #>> '{declaration,tenant,name}'
                AND o.said #>> '{declaration,tenant,kind}' = 'column'
        ) END AS tenant_attnum
    FROM told AS o
    WHERE o.table_id IS NOT NULL AND o.said ? 'declaration'
    ORDER BY o.table_id, o.event_id DESC
),

described AS MATERIALIZED (
    SELECT DISTINCT ON (o.table_id, o.table_version)
        o.table_id,
        o.table_version,
        parse_ident(o.said ->> 'table') AS name,
        o.said -> 'columns' AS columns,
        o.said -> 'key' AS key_columns,
        o.said -> 'declaration' AS declaration
    FROM told AS o
    WHERE o.table_id IS NOT NULL AND o.said ? 'columns'
    ORDER BY o.table_id, o.table_version, o.event_id DESC
),

-- what says that auditing of a table begins, where it had begun: only from there on rows are compared
doubled AS (
    SELECT o.table_id, o.said ->> 'table' AS name, o.event_id
    FROM (
        SELECT o.*, lag(o.kind) OVER (PARTITION BY o.table_id ORDER BY o.event_id) AS before
        FROM told AS o
        WHERE o.table_id IS NOT NULL
    ) AS o
    WHERE o.kind = 'table-enabled' AND o.before NOT IN ('table-disabled', 'table-dropped')
),

setting AS (
    SELECT DISTINCT ON (s.name) s.name, s.value
    FROM (
        SELECT o.event_id, o.said ->> 'setting' AS name, nullif(o.said -> 'after', 'null') AS value
        FROM told AS o
        WHERE o.kind = 'setting-changed'
        UNION ALL
        SELECT o.event_id, n.key, n.value
        FROM told AS o
        CROSS JOIN LATERAL jsonb_each(o.said -> 'settings') AS n
        WHERE o.kind = 'installed'
    ) AS s
    ORDER BY s.name, s.event_id DESC
),

-- what is recorded of each column, by the numbers that the capture functions go by
numbered AS (
    SELECT
        t.table_id,
        bool_and(
            CASE c.recorded WHEN 'excluded' THEN c.attnum = ANY (t.excluded_attnums)
                ELSE c.attnum <> ALL (t.excluded_attnums) END
            AND CASE c.recorded WHEN 'personal' THEN c.attnum = ANY (t.personal_attnums)
                WHEN 'yes' THEN c.attnum <> ALL (t.personal_attnums) ELSE true END
        )
        AND bool_and(coalesce(t.tenant_attnum, 0) = l.tenant_attnum) IS NOT FALSE
        AND to_jsonb(ARRAY(
            SELECT n.name
            FROM unnest(t.key_attnums) WITH ORDINALITY AS k (attnum, place)
            INNER JOIN jsonb_to_recordset(d.columns) AS n (attnum smallint, name text) ON n.attnum = k.attnum
            ORDER BY k.place
        )) = d.key_columns AS agrees
    FROM {{ audit }}.audited_tables AS t
    INNER JOIN described AS d ON d.table_id = t.table_id AND d.table_version = t.table_version
    LEFT JOIN declared AS l ON l.table_id = t.table_id
    CROSS JOIN LATERAL jsonb_to_recordset(d.columns) AS c (attnum smallint, name text, recorded text)
    WHERE t.enabled
    GROUP BY t.table_id, t.key_attnums, d.columns, d.key_columns
)

SELECT s.name AS what, CASE WHEN t.enabled THEN 'says that it is audited'
    WHEN t.enabled IS NULL THEN 'does not have it' ELSE 'says that it is not audited' END AS difference
FROM standing AS s
LEFT JOIN {{ audit }}.audited_tables AS t ON t.table_id = s.table_id
WHERE t.enabled IS DISTINCT FROM s.enabled AND (t.table_id IS NOT NULL OR s.enabled)
UNION ALL
SELECT coalesce(s.name, d.name), format('has the table since before event %%s, which says that its auditing began', d.event_id)
FROM doubled AS d
LEFT JOIN standing AS s ON s.table_id = d.table_id
UNION ALL
SELECT s.name, 'has another declaration'
FROM standing AS s
INNER JOIN declared AS d ON d.table_id = s.table_id
INNER JOIN {{ audit }}.audited_tables AS t ON t.table_id = s.table_id
WHERE t.declaration IS DISTINCT FROM d.declaration
UNION ALL
SELECT s.name, format('goes by version %%s of its definition', t.table_version)
FROM standing AS s
INNER JOIN {{ audit }}.audited_tables AS t ON t.table_id = s.table_id
WHERE t.table_version <> (SELECT max(d.table_version) FROM described AS d WHERE d.table_id = t.table_id)
UNION ALL
SELECT s.name, 'has other columns as key, tenant, personal or excluded'
FROM standing AS s
INNER JOIN numbered AS n ON n.table_id = s.table_id
WHERE NOT n.agrees
UNION ALL
SELECT s.name, format('has another name, other columns or another key in version %%s of its definition', v.table_version)
FROM standing AS s
INNER JOIN described AS d ON d.table_id = s.table_id
INNER JOIN {{ audit }}.table_versions AS v ON v.table_id = d.table_id AND v.table_version = d.table_version
WHERE d.name IS DISTINCT FROM ARRAY[v.schema_name, v.table_name]::text[]
    OR v.columns IS DISTINCT FROM d.columns
    OR to_jsonb(v.key_columns) IS DISTINCT FROM d.key_columns
    OR (d.declaration IS NOT NULL AND v.bulk <> coalesce((d.declaration -> 'bulk')::boolean, false))
UNION ALL
SELECT NULL, format('has another value of the setting %%s', s.name)
FROM setting AS s
LEFT JOIN {{ audit }}.settings AS p ON p.name = s.name
WHERE p.value IS DISTINCT FROM s.value

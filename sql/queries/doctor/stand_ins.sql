-- object:   (query)
-- purpose:  generic capture functions that stand in for specialised ones, and whether they are what they should be
-- Theirs is the generic body but for the version and, in one place, assignments of constants.
SELECT
    t.table_id,
    bool_and(coalesce(
        starts_with(c.prosrc, s.head)
        AND right(c.prosrc, length(s.tail)) = s.tail
        AND substr(c.prosrc, length(s.head) + 1, length(c.prosrc) - length(s.head) - length(s.tail))
        ~ $re$^(v_[a-z_]+ := (NULL|E?'([^']|'')*');\s?)+$$re$,
        false
    )) AS same
FROM {{ audit }}.audited_tables AS t
CROSS JOIN (VALUES ('capture', 'generic'), ('bulk', 'bulk_generic')) AS k (made, generic)
LEFT JOIN pg_proc AS g
    ON g.pronamespace = to_regnamespace({{ schema_literal }})
    AND g.proname = format('tg_%s_%s', k.generic, t.table_id)
LEFT JOIN pg_proc AS c
    ON c.pronamespace = to_regnamespace({{ schema_literal }})
    AND c.proname = format('tg_%s_%s', k.made, t.table_id)
CROSS JOIN LATERAL (
    SELECT
        split_part(v.source, p.place, 1) AS head,
        split_part(v.source, p.place, 2) AS tail
    FROM (
        SELECT regexp_replace(
            g.prosrc, 'v_table_version CONSTANT integer := [0-9]+',
            format('v_table_version CONSTANT integer := %s', t.table_version)
        ) AS source
    ) AS v
    CROSS JOIN (SELECT 'NULL; -- columns: use_generic_capture puts them here' AS place) AS p
) AS s
WHERE t.enabled AND NOT t.specialised AND g.oid IS NOT NULL
GROUP BY t.table_id

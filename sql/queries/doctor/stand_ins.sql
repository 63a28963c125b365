-- object:   (query)
-- purpose:  generic capture functions that stand in for specialised ones, and whether they are what they should be
SELECT
    t.table_id,
    regexp_replace(
        g.prosrc, 'v_table_version CONSTANT integer := \d+',
        format('v_table_version CONSTANT integer := %s', t.table_version)
    ) IS NOT DISTINCT FROM c.prosrc AS same
FROM {{ audit }}.audited_tables AS t
LEFT JOIN pg_proc AS g
    ON g.pronamespace = to_regnamespace({{ schema_literal }}) AND g.proname = format('tg_generic_%s', t.table_id)
LEFT JOIN pg_proc AS c
    ON c.pronamespace = to_regnamespace({{ schema_literal }}) AND c.proname = format('tg_capture_%s', t.table_id)
WHERE t.enabled AND NOT t.specialised AND g.oid IS NOT NULL

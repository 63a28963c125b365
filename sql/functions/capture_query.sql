-- object:   function audit.capture_query(…)
-- requires: functions/value_helpers.sql
-- purpose:  the SELECT that turns rows of a table, as it is defined now, into what an event records
-- Mode row:    $1 is the row; gives recorded, personal, key, tenant, subject.
-- Mode change: $1 and $2 are the row before and after; gives old, new, personal_old, personal_new, key,
--              tenant_before, tenant_after, subject, of the changed columns.
CREATE OR REPLACE FUNCTION {{ audit }}.capture_query(
    p_relation oid,
    p_mode text,
    p_key smallint[],
    p_excluded smallint[],
    p_personal smallint[],
    p_tenant smallint,
    p_subject smallint,
    p_lenient boolean DEFAULT false,
    p_row text DEFAULT '$1'
)
RETURNS text
LANGUAGE plpgsql -- which keeps the plan of this query for the session
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
RETURN (
WITH kinds AS (
{% with relation = sql('p_relation') %}{% include 'snippets/column_kinds.sql' %}{% endwith %}

),

columns AS (
    SELECT
        k.attnum,
        k.attname,
        k.attnum = ANY (p_personal) AS personal,
        NOT k.attnum = ANY (p_excluded) AND k.attgenerated <> 'v' AS recorded,
        format('(%s).%I', p_row, k.attname) AS before,
        format('($2).%I', k.attname) AS after,
        CASE k.kind
            WHEN 'plain' THEN 'to_jsonb(%1$s)'
            WHEN 'json' THEN 'to_jsonb((%1$s)::text)'
            ELSE 'CASE WHEN num_nulls(%1$s) = 0 THEN to_jsonb(format(''%%s'', %1$s)) END'
        END AS strict_image,
        k.typlen = -1 AND p_lenient AS may_be_large,
        CASE WHEN k.kind = 'text'
            THEN 'CASE WHEN num_nulls(%1$s) = 0 THEN format(''%%s'', %1$s) END'
            ELSE '(%1$s)::text'
        END AS text_form,
        200000000 / (SELECT count(*) FROM kinds) AS size_limit
    FROM kinds AS k
),

images AS (
    SELECT
        c.*,
        CASE WHEN c.may_be_large
            THEN format(
                'CASE WHEN {{ audit }}.is_oversized(%%1$s, %s) THEN {{ audit }}.digest_value(%%1$s) ELSE %s END',
                c.size_limit, c.strict_image
            )
            ELSE c.strict_image
        END AS image
    FROM columns AS c
),

parts AS (
    SELECT
        string_agg(format(
            '(%L, %L::boolean, %s)', i.attname, i.personal, format(i.image, i.before)
        ), E',\n' ORDER BY i.attnum) FILTER (WHERE i.recorded) AS row_values,
        string_agg(format(
            '(%1$L, %2$L::boolean, ROW(%3$s)::record *<> ROW(%4$s)::record, '
            'CASE WHEN ROW(%3$s)::record *<> ROW(%4$s)::record THEN %5$s END, '
            'CASE WHEN ROW(%3$s)::record *<> ROW(%4$s)::record THEN %6$s END)',
            i.attname, i.personal, i.before, i.after, format(i.image, i.before), format(i.image, i.after)
        ), E',\n' ORDER BY i.attnum) FILTER (WHERE i.recorded) AS change_values,
        coalesce(string_agg(i.before, ', ' ORDER BY i.attnum)
            FILTER (WHERE i.recorded AND NOT i.personal), '') AS raw_before,
        coalesce(string_agg(i.after, ', ' ORDER BY i.attnum)
            FILTER (WHERE i.recorded AND NOT i.personal), '') AS raw_after,
        coalesce(string_agg(i.before, ', ' ORDER BY i.attnum)
            FILTER (WHERE i.recorded AND i.personal), '') AS raw_personal_before,
        coalesce(string_agg(i.after, ', ' ORDER BY i.attnum)
            FILTER (WHERE i.recorded AND i.personal), '') AS raw_personal_after,
        CASE WHEN cardinality(p_key) = 1
            THEN max(format(i.text_form, i.before)) FILTER (WHERE i.attnum = p_key[1])
            ELSE 'jsonb_build_array(' || string_agg(format(i.text_form, i.before), ', '
                ORDER BY array_position(p_key, i.attnum)) FILTER (WHERE i.attnum = ANY (p_key)) || ')::text'
        END AS key_text,
        max(format(i.text_form, i.before)) FILTER (WHERE i.attnum = p_tenant) AS tenant_before,
        max(format(i.text_form, i.after)) FILTER (WHERE i.attnum = p_tenant) AS tenant_after,
        max(format(i.text_form, i.before)) FILTER (WHERE i.attnum = p_subject) AS subject
    FROM images AS i
)

SELECT CASE p_mode
    WHEN 'row' THEN format(
        'SELECT coalesce(jsonb_object_agg(c.name, c.image) FILTER (WHERE NOT c.personal), ''{}'') AS recorded, '
        'jsonb_object_agg(c.name, c.image) FILTER (WHERE c.personal) AS personal, '
        '%s AS key, %s AS tenant, %s AS subject FROM (%s) AS c (name, personal, image)',
        coalesce(p.key_text, 'NULL::text'), coalesce(p.tenant_before, 'NULL::text'),
        coalesce(p.subject, 'NULL::text'),
        coalesce('VALUES ' || p.row_values, 'SELECT ''''::text, false, NULL::jsonb WHERE false')
    )
    ELSE format(
        'WITH c AS MATERIALIZED (SELECT * FROM (%1$s) AS v (name, personal, changed, before, after) WHERE v.changed), '
        's AS (SELECT jsonb_object_agg(c.name, c.before) FILTER (WHERE NOT c.personal) AS before, '
        'jsonb_object_agg(c.name, c.after) FILTER (WHERE NOT c.personal) AS after, '
        'jsonb_object_agg(c.name, c.before) FILTER (WHERE c.personal) AS personal_before, '
        'jsonb_object_agg(c.name, c.after) FILTER (WHERE c.personal) AS personal_after, '
        'coalesce(bool_or(c.before::text = c.after::text) FILTER (WHERE NOT c.personal), false) AS raw, '
        'coalesce(bool_or(c.before::text = c.after::text) FILTER (WHERE c.personal), false) AS raw_personal FROM c) '
        'SELECT CASE WHEN s.raw THEN s.before || jsonb_build_object(''~row'', ROW(%2$s)::text) ELSE s.before END, '
        'CASE WHEN s.raw THEN s.after || jsonb_build_object(''~row'', ROW(%3$s)::text) ELSE s.after END, '
        'CASE WHEN s.raw_personal THEN s.personal_before || jsonb_build_object(''~row'', ROW(%4$s)::text) ELSE s.personal_before END, '
        'CASE WHEN s.raw_personal THEN s.personal_after || jsonb_build_object(''~row'', ROW(%5$s)::text) ELSE s.personal_after END, '
        '%6$s, %7$s, %8$s, %9$s FROM s',
        coalesce('VALUES ' || p.change_values,
            'SELECT ''''::text, false, false, NULL::jsonb, NULL::jsonb WHERE false'),
        p.raw_before, p.raw_after, p.raw_personal_before, p.raw_personal_after,
        coalesce(p.key_text, 'NULL::text'), coalesce(p.tenant_before, 'NULL::text'),
        coalesce(p.tenant_after, 'NULL::text'), coalesce(p.subject, 'NULL::text')
    )
END
FROM parts AS p
);
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.capture_query(
    oid, text, smallint[], smallint[], smallint[], smallint, smallint, boolean, text
) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.capture_query(
    oid, text, smallint[], smallint[], smallint[], smallint, smallint, boolean, text
) IS 'The SELECT that turns rows of a table into what an event records.';

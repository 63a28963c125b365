CREATE OR REPLACE FUNCTION "audit".capture_query(
    p_shape jsonb,
    p_mode text,
    p_lenient boolean DEFAULT false,
    p_row text DEFAULT '($1)'
)
RETURNS text
LANGUAGE plpgsql -- which keeps the plan of this query for the session
IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $fn$
BEGIN
    RETURN (
        WITH columns AS (
            SELECT
                c.number,
                s.name,
                s.recorded,
                s.personal,
                s.size,
                format('%s.%I', p_row, s.name) AS before,
                format('($2).%I', s.name) AS after,
                CASE s.kind
                    WHEN 'plain' THEN 'to_jsonb(%1$s)'
                    WHEN 'json' THEN 'to_jsonb((%1$s)::text)'
                    ELSE 'CASE WHEN num_nulls(%1$s) = 0 THEN to_jsonb(format(''%%s'', %1$s)) END'
                END AS strict_image,
                CASE WHEN s.kind = 'text'
                    THEN 'CASE WHEN num_nulls(%1$s) = 0 THEN format(''%%s'', %1$s) END'
                    ELSE '(%1$s)::text'
                END AS strict_text,
                200000000 / jsonb_array_length(p_shape -> 'columns') AS size_limit
            FROM jsonb_array_elements(p_shape -> 'columns') WITH ORDINALITY AS c (entry, number)
            CROSS JOIN LATERAL jsonb_to_record(c.entry)
                AS s (name text, kind text, size text, recorded boolean, personal boolean)
        ),

        images AS (
            SELECT
                c.*,
                CASE WHEN p_lenient AND c.size <> 'small'
                    THEN format(
                        'CASE WHEN %s"audit".is_oversized(%%1$s, %s) '
                        'THEN "audit".digest_value(%%1$s) ELSE %s END',
                        CASE c.size WHEN 'flat' THEN 'pg_column_size(%1$s) > 100000 AND ' END,
                        c.size_limit / CASE c.size WHEN 'flat' THEN 1 ELSE 16 END,
                        c.strict_image
                    )
                    ELSE c.strict_image
                END AS image,
                CASE WHEN p_lenient AND c.size <> 'small'
                    THEN format(
                        'CASE WHEN "audit".is_oversized(%%1$s, 100000000) '
                        'THEN ''sha256:'' || ("audit".digest_value(%%1$s) ->> ''~sha256'') ELSE %s END',
                        c.strict_text -- the same digest that a key or a tenant of much text has anyway
                    )
                    ELSE c.strict_text
                END AS text_form
            FROM columns AS c
        ),

        raw_form AS (
            SELECT CASE WHEN p_lenient
                THEN
                    'CASE WHEN "audit".is_oversized(%1$s, 100000000) '
                    'THEN "audit".digest_value(%1$s) ELSE to_jsonb(%1$s::text) END'
                ELSE '%1$s::text'
            END AS template
        ),

        parts AS (
            SELECT
                string_agg(format(
                    '(%L, %L::boolean, %s)', i.name, i.personal, format(i.image, i.before)
                ), E',\n' ORDER BY i.number) FILTER (WHERE i.recorded) AS row_values,
                string_agg(format(
                    '(%1$L, %2$L::boolean, ROW(%3$s)::record *<> ROW(%4$s)::record, '
                    'CASE WHEN ROW(%3$s)::record *<> ROW(%4$s)::record THEN %5$s END, '
                    'CASE WHEN ROW(%3$s)::record *<> ROW(%4$s)::record THEN %6$s END)',
                    i.name, i.personal, i.before, i.after, format(i.image, i.before), format(i.image, i.after)
                ), E',\n' ORDER BY i.number) FILTER (WHERE i.recorded) AS change_values,
                format('ROW(%s)', string_agg(i.before, ', ' ORDER BY i.number)
                    FILTER (WHERE i.recorded AND NOT i.personal)) AS raw_before,
                format('ROW(%s)', string_agg(i.after, ', ' ORDER BY i.number)
                    FILTER (WHERE i.recorded AND NOT i.personal)) AS raw_after,
                format('ROW(%s)', string_agg(i.before, ', ' ORDER BY i.number)
                    FILTER (WHERE i.recorded AND i.personal)) AS raw_personal_before,
                format('ROW(%s)', string_agg(i.after, ', ' ORDER BY i.number)
                    FILTER (WHERE i.recorded AND i.personal)) AS raw_personal_after,
                max(format(i.text_form, i.before)) FILTER (WHERE i.name = p_shape ->> 'tenant') AS tenant_before,
                max(format(i.text_form, i.after)) FILTER (WHERE i.name = p_shape ->> 'tenant') AS tenant_after,
                max(format(i.text_form, i.before)) FILTER (WHERE i.name = p_shape ->> 'subject') AS subject
            FROM images AS i
        ),

        keys AS (
            SELECT CASE WHEN p_shape ->> 'key_count' = '1'
                THEN max(format(i.text_form, i.before))
                ELSE format('jsonb_build_array(%s)::text',
                    string_agg(format(i.text_form, i.before), ', ' ORDER BY k.number))
            END AS key_text
            FROM jsonb_array_elements_text(p_shape -> 'key') WITH ORDINALITY AS k (name, number)
            INNER JOIN images AS i ON i.name = k.name
            HAVING count(*) > 0
        )

        SELECT CASE p_mode
            WHEN 'row' THEN format(
                'SELECT coalesce(jsonb_object_agg(c.name, c.image) FILTER (WHERE NOT c.personal), ''{}'') AS recorded, '
                'jsonb_object_agg(c.name, c.image) FILTER (WHERE c.personal) AS personal, '
                '%s AS key, %s AS tenant, %s AS subject FROM (%s) AS c (name, personal, image)',
                coalesce((SELECT k.key_text FROM keys AS k), 'NULL::text'),
                coalesce(p.tenant_before, 'NULL::text'),
                coalesce(p.subject, 'NULL::text'),
                coalesce('VALUES ' || p.row_values, 'SELECT ''''::text, false, NULL::jsonb WHERE false')
            )
            ELSE format(
                'WITH c AS MATERIALIZED (SELECT * FROM (%1$s) AS v (name, personal, changed, before, after) WHERE v.changed), '
                's AS (SELECT jsonb_object_agg(c.name, c.before) FILTER (WHERE NOT c.personal) AS before, '
                'jsonb_object_agg(c.name, c.after) FILTER (WHERE NOT c.personal) AS after, '
                'jsonb_object_agg(c.name, c.before) FILTER (WHERE c.personal) AS personal_before, '
                'jsonb_object_agg(c.name, c.after) FILTER (WHERE c.personal) AS personal_after, '
                'coalesce(bool_or(%10$s) FILTER (WHERE NOT c.personal), false) AS raw, '
                'coalesce(bool_or(%10$s) FILTER (WHERE c.personal), false) AS raw_personal FROM c) '
                'SELECT CASE WHEN s.raw THEN s.before || jsonb_build_object(''~row'', %2$s) ELSE s.before END, '
                'CASE WHEN s.raw THEN s.after || jsonb_build_object(''~row'', %3$s) ELSE s.after END, '
                'CASE WHEN s.raw_personal THEN s.personal_before || jsonb_build_object(''~row'', %4$s) '
                'ELSE s.personal_before END, '
                'CASE WHEN s.raw_personal THEN s.personal_after || jsonb_build_object(''~row'', %5$s) '
                'ELSE s.personal_after END, '
                '%6$s, %7$s, %8$s, %9$s FROM s',
                coalesce('VALUES ' || p.change_values,
                    'SELECT ''''::text, false, false, NULL::jsonb, NULL::jsonb WHERE false'),
                format(r.template, p.raw_before),
                format(r.template, p.raw_after),
                format(r.template, p.raw_personal_before),
                format(r.template, p.raw_personal_after),
                coalesce((SELECT k.key_text FROM keys AS k), 'NULL::text'),
                coalesce(p.tenant_before, 'NULL::text'),
                coalesce(p.tenant_after, 'NULL::text'),
                coalesce(p.subject, 'NULL::text'),
                -- SQL's NULL and JSON's null give one image
                'coalesce(c.before, ''null'')::text = coalesce(c.after, ''null'')::text'
            )
        END
        FROM parts AS p
        CROSS JOIN raw_form AS r
    );
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".capture_query(jsonb, text, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION "audit".capture_query(jsonb, text, boolean, text) IS 'The SELECT that turns rows of a table into what an event records.';

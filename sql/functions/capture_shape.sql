-- object:   function audit.capture_shape(oid, smallint[], smallint[], smallint[], smallint, smallint)
-- requires: schema/audit.sql
-- purpose:  a table's columns as capture_query and the generic function need them, under their present names
-- A writer's snapshot may be older than the table's definition, so this is asked for when the definition
-- changes, and its answer is written into the capture function.
CREATE OR REPLACE FUNCTION {{ audit }}.capture_shape(
    p_relation oid,
    p_key smallint[],
    p_excluded smallint[],
    p_personal smallint[],
    p_tenant smallint,
    p_subject smallint
)
RETURNS jsonb
LANGUAGE plpgsql -- which keeps the plan of this query for the session
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
{% include 'snippets/fast_types.sql' %}
BEGIN
    RETURN (
        WITH kinds AS (
{% with relation = sql('p_relation') %}{% include 'snippets/column_kinds.sql' %}{% endwith %}

        )

        SELECT jsonb_build_object(
            'columns', coalesce(jsonb_agg(jsonb_build_object(
                'name', k.attname,
                'kind', k.kind,
                'size', k.size,
                'recorded', NOT k.attnum = ANY (p_excluded),
                'personal', k.attnum = ANY (p_personal)
            ) ORDER BY k.attnum) FILTER (WHERE k.attgenerated <> 'v'), '[]'),
            'key', coalesce(jsonb_agg(k.attname ORDER BY array_position(p_key, k.attnum))
                FILTER (WHERE k.attnum = ANY (p_key)), '[]'),
            'key_count', cardinality(p_key),
            'excluded', coalesce(jsonb_agg(k.attname) FILTER (WHERE k.attnum = ANY (p_excluded)), '[]'),
            'personal', coalesce(jsonb_agg(k.attname) FILTER (WHERE k.attnum = ANY (p_personal)), '[]'),
            'fast', bool_and(k.attgenerated <> 'v' AND k.base_type = ANY (
                CASE WHEN k.attnum = ANY (p_key || p_tenant || p_subject)
                    THEN c_text_types ELSE c_plain_types || c_hiding_types END
            )),
            'hides', bool_or(k.base_type = ANY (c_hiding_types)),
            'tenant', max(k.attname) FILTER (WHERE k.attnum = p_tenant),
            'subject', max(k.attname) FILTER (WHERE k.attnum = p_subject)
        )
        FROM kinds AS k
    );
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.capture_shape(
    oid, smallint[], smallint[], smallint[], smallint, smallint
) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.capture_shape(
    oid, smallint[], smallint[], smallint[], smallint, smallint
) IS 'Columns of a table for capture_query.';

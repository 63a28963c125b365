CREATE OR REPLACE FUNCTION "audit".capture_shape(
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
    -- Of the types in the first two lists jsonb of the row holds what the specialised function records;
    -- of the second, two values may have one jsonb. Of the third, its text is the value's text.
    c_plain_types CONSTANT oid[] := '"char"'::regtype || '{bool,name,int2,int4,int8,oid,text,varchar,bpchar,'
        'numeric,date,time,timestamp,timestamptz,interval,uuid,bytea,inet}'::regtype[];
    c_hiding_types CONSTANT oid[] := '{jsonb,_text,_varchar,_int2,_int4,_int8,_uuid}'::regtype[];
    c_text_types CONSTANT oid[] := '{bool,name,int2,int4,int8,text,varchar,numeric,date,uuid}'::regtype[];
BEGIN
    RETURN (
        WITH kinds AS (
        -- kind: how a value becomes JSON. plain: to_jsonb is safe and exact; json: kept as a string, since
        -- jsonb refuses some of it; text: by the output function alone, since a cast of the type's owner
        -- would run as ours.
        -- size: how much text a value may give. small; flat: about as much as it takes; deep: a lot more.
        SELECT
            a.attnum,
            a.attname,
            b.oid AS base_type,
            CASE
                WHEN b.oid = 'json'::regtype THEN 'json'
                WHEN b.oid < 16384 AND b.typtype IN ('b', 'r', 'm') AND b.oid <> 'json[]'::regtype
                    THEN 'plain'
                ELSE 'text'
            END AS kind,
            CASE
                WHEN b.typlen > 0 THEN 'small'
                WHEN b.oid < 16384 AND b.typtype = 'b' AND b.typelem = 0 AND b.oid <> 'jsonb'::regtype
                    THEN 'flat'
                ELSE 'deep'
            END AS size,
            coalesce(coll.collisdeterministic, true) AS deterministic,
            a.attgenerated,
            format_type(a.atttypid, a.atttypmod) AS type_name
        FROM pg_attribute AS a
        CROSS JOIN LATERAL (
            WITH RECURSIVE d AS (
                SELECT t.oid, t.typtype, t.typbasetype, t.typlen, t.typelem
                FROM pg_type AS t
                WHERE t.oid = a.atttypid
                UNION ALL
                SELECT t.oid, t.typtype, t.typbasetype, t.typlen, t.typelem
                FROM d
                INNER JOIN pg_type AS t ON t.oid = d.typbasetype
                WHERE d.typtype = 'd'
            )

            SELECT * FROM d WHERE d.typtype <> 'd'
        ) AS b
        LEFT JOIN pg_collation AS coll ON coll.oid = a.attcollation
        WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped

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
REVOKE ALL ON FUNCTION "audit".capture_shape(
    oid, smallint[], smallint[], smallint[], smallint, smallint
) FROM PUBLIC;
COMMENT ON FUNCTION "audit".capture_shape(
    oid, smallint[], smallint[], smallint[], smallint, smallint
) IS 'Columns of a table for capture_query.';

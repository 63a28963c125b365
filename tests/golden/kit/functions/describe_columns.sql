CREATE OR REPLACE FUNCTION "audit".describe_columns(
    p_relation oid,
    p_excluded smallint[],
    p_personal smallint[]
)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'attnum', a.attnum,
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod),
        'recorded', CASE
            WHEN a.attnum = ANY (p_excluded) THEN 'excluded'
            WHEN a.attgenerated = 'v' THEN 'virtual'
            WHEN a.attnum = ANY (p_personal) THEN 'personal'
            ELSE 'yes'
        END
    ) ORDER BY a.attnum), '[]')
    FROM pg_attribute AS a
    WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped
$fn$;
REVOKE ALL ON FUNCTION "audit".describe_columns(oid, smallint[], smallint[]) FROM PUBLIC;
COMMENT ON FUNCTION "audit".describe_columns(oid, smallint[], smallint[]) IS 'Columns of a table and how each is recorded.';

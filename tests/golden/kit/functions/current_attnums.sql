CREATE OR REPLACE FUNCTION "audit".current_attnums(
    p_relation oid,
    p_attnums smallint[],
    p_numbers jsonb,
    p_highest smallint
)
RETURNS smallint[]
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT coalesce(array_agg(
        CASE
            WHEN a.attnum IS NULL THEN o.attnum
            WHEN a.attnum > p_highest AND EXISTS (
                SELECT FROM pg_attribute AS b
                WHERE b.attrelid = p_relation AND b.attnum = o.attnum AND NOT b.attisdropped
            ) THEN o.attnum
            ELSE a.attnum
        END ORDER BY o.ordinality
    ), '{}')
    FROM unnest(p_attnums) WITH ORDINALITY AS o (attnum, ordinality)
    LEFT JOIN jsonb_each_text(p_numbers) AS n ON n.value::smallint = o.attnum
    LEFT JOIN pg_attribute AS a
        ON a.attrelid = p_relation AND a.attname = n.key AND a.attnum > 0 AND NOT a.attisdropped
$fn$;
REVOKE ALL ON FUNCTION "audit".current_attnums(oid, smallint[], jsonb, smallint) FROM PUBLIC;
COMMENT ON FUNCTION "audit".current_attnums(oid, smallint[], jsonb, smallint) IS 'Numbers of columns, told by the numbers and names they had when they were recorded.';

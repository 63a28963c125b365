CREATE OR REPLACE FUNCTION "audit".column_fingerprint(p_relation oid)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT encode(sha256(convert_to(coalesce(string_agg(
        json_build_array(
            a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated,
            c.collname, c.collisdeterministic
        )::text, E'\n' ORDER BY a.attnum
    ), ''), 'UTF8')), 'hex')
    FROM pg_attribute AS a
    LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
    WHERE a.attrelid = p_relation AND a.attnum > 0 AND NOT a.attisdropped
$fn$;
REVOKE ALL ON FUNCTION "audit".column_fingerprint(oid) FROM PUBLIC;
COMMENT ON FUNCTION "audit".column_fingerprint(oid) IS 'SHA-256 over the columns of a table.';

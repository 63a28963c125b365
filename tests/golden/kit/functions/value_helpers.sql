CREATE OR REPLACE FUNCTION "audit".is_oversized(p_value anyelement, p_limit integer)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex'
SET extra_float_digits = 1
SET quote_all_identifiers = off
AS $fn$
BEGIN
    RETURN octet_length(format('%s', p_value)) > p_limit;
EXCEPTION WHEN program_limit_exceeded OR internal_error OR out_of_memory THEN
    RETURN true; -- its text alone is more than PostgreSQL can handle
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".digest_value(p_value anyelement)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex'
SET extra_float_digits = 1
SET quote_all_identifiers = off
AS $fn$
DECLARE
    v_bytes bytea;
BEGIN
    BEGIN
        v_bytes := convert_to(format('%s', p_value), 'UTF8');
    EXCEPTION WHEN program_limit_exceeded OR internal_error OR out_of_memory THEN
        BEGIN
            v_bytes := record_send(ROW(p_value));
        EXCEPTION WHEN program_limit_exceeded OR internal_error OR out_of_memory THEN
            RETURN jsonb_build_object('~sha256', NULL, '~bytes', pg_column_size(p_value));
        END;
    END;
    RETURN jsonb_build_object('~sha256', encode(sha256(v_bytes), 'hex'), '~bytes', octet_length(v_bytes));
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".bounded_image(p_image jsonb)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    -- 20,000 bytes of numbers like 1e131071 may be 250 MB of text, and more than 1 GB cannot be sealed
    IF pg_column_size(p_image) <= 20000 OR NOT "audit".is_oversized(p_image, 250000000) THEN
        RETURN p_image;
    END IF;
    RETURN jsonb_build_object('~row', "audit".digest_value(p_image));
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".is_oversized(anyelement, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".digest_value(anyelement) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".bounded_image(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION "audit".is_oversized(anyelement, integer) IS 'Whether the value''s text is longer than the limit in bytes.';
COMMENT ON FUNCTION "audit".digest_value(anyelement) IS 'Digest and length in bytes that stand for a value too large to record.';
COMMENT ON FUNCTION "audit".bounded_image(jsonb) IS 'The image of a row, or a digest where its text would be too long for an event line.';

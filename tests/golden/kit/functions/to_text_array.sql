CREATE OR REPLACE FUNCTION "audit".to_text_array(p_list jsonb)
RETURNS text[]
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT CASE WHEN jsonb_typeof(p_list) = 'array'
        THEN ARRAY(SELECT jsonb_array_elements_text(p_list))
    END
$fn$;
REVOKE ALL ON FUNCTION "audit".to_text_array(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".to_text_array(jsonb) TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON FUNCTION "audit".to_text_array(jsonb) IS 'The JSON array as text[]; NULL where it is none.';

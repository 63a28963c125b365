CREATE OR REPLACE FUNCTION "audit".to_inet(p_text text)
RETURNS inet
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN p_text::inet;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".to_inet(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".to_inet(text) TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON FUNCTION "audit".to_inet(text) IS 'The text as an address; NULL where it is none.';

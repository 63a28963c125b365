CREATE OR REPLACE FUNCTION "audit".stored_tenant(p_value text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT CASE
            WHEN p_value IS NULL THEN 'default'
            WHEN octet_length(p_value) > 200 THEN 'sha256:' || encode(sha256(convert_to(p_value, 'UTF8')), 'hex')
            WHEN starts_with(p_value, '_') THEN '_' || p_value
            ELSE p_value
        END
$fn$;
REVOKE ALL ON FUNCTION "audit".stored_tenant(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".stored_tenant(text) TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON FUNCTION "audit".stored_tenant(text) IS 'Tenant as the log names it: default for NULL, one more _ before _, a digest over 200 bytes.';

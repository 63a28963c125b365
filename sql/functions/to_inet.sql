-- object:   function audit.to_inet(text)
-- requires: schema/audit.sql
-- purpose:  an address in the context, or NULL where it is none; the view must not fail for it
CREATE OR REPLACE FUNCTION {{ audit }}.to_inet(p_text text)
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
REVOKE ALL ON FUNCTION {{ audit }}.to_inet(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {{ audit }}.to_inet(text) TO {{ reader }}, {{ auditor }};
COMMENT ON FUNCTION {{ audit }}.to_inet(text) IS 'The text as an address; NULL where it is none.';

-- object:   function audit.to_text_array(jsonb)
-- requires: schema/audit.sql
-- purpose:  a list in the context, or NULL where it is none
CREATE OR REPLACE FUNCTION {{ audit }}.to_text_array(p_list jsonb)
RETURNS text[]
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT CASE WHEN jsonb_typeof(p_list) = 'array'
        THEN ARRAY(SELECT jsonb_array_elements_text(p_list))
    END
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.to_text_array(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {{ audit }}.to_text_array(jsonb) TO {{ reader }}, {{ auditor }};
COMMENT ON FUNCTION {{ audit }}.to_text_array(jsonb) IS 'The JSON array as text[]; NULL where it is none.';

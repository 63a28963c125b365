-- object:   function audit.use_generic_capture(integer, integer)
-- requires: schema/audit.sql
-- purpose:  puts the generic body, with its table_version, in the place of the specialised one
CREATE OR REPLACE FUNCTION {{ audit }}.use_generic_capture(p_table_id integer, p_table_version integer)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER -- the function that it replaces belongs to the kit
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $fn$
DECLARE
    v_source text;
BEGIN
    SELECT p.prosrc INTO v_source
    FROM pg_proc AS p
    WHERE p.pronamespace = {{ schema_literal }}::regnamespace
        AND p.proname = format('tg_generic_%s', p_table_id);
    IF v_source IS NULL THEN
        RAISE EXCEPTION 'the generic capture function of audited table % is missing', p_table_id
            USING ERRCODE = 'undefined_function',
            HINT = 'Run pgaudit-kit apply, then repeat the change.';
    END IF;
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION %I.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
        'SET search_path = pg_catalog, pg_temp SET row_security = on SET timezone = ''UTC'' SET datestyle = ''ISO'' '
        'SET intervalstyle = ''iso_8601'' SET bytea_output = ''hex'' SET extra_float_digits = 1 '
        'SET lc_monetary = ''C'' AS %L',
        {{ schema_name }}, format('tg_capture_%s', p_table_id),
        regexp_replace(v_source, 'v_table_version CONSTANT integer := [0-9]+',
            format('v_table_version CONSTANT integer := %s', p_table_version))
    );
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.use_generic_capture(integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.use_generic_capture(integer, integer) IS 'Makes an audited table''s capture function the generic one.';

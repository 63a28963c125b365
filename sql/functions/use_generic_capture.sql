-- object:   function audit.use_generic_capture(integer, integer)
-- requires: functions/capture_shape.sql
-- purpose:  puts the generic body, with its table_version and columns, in the place of the specialised one
CREATE OR REPLACE FUNCTION {{ audit }}.use_generic_capture(p_table_id integer, p_table_version integer)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER -- the function that it replaces belongs to the kit
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $fn$
DECLARE
    v_source text;
    v_kind text;
    v_shape jsonb;
    v_columns text;
    c_place CONSTANT text := 'NULL; -- columns: use_generic_capture puts them here';
BEGIN
    SELECT {{ audit }}.capture_shape(
        t.relation, t.key_attnums, t.excluded_attnums, t.personal_attnums, t.tenant_attnum, t.subject_attnum
    ) INTO STRICT v_shape
    FROM {{ audit }}.audited_tables AS t
    WHERE t.table_id = p_table_id;
    v_columns := format(
        'v_shape := %L; v_fast := %L; v_hides := %L; v_excluded := %L; v_personal := %L; v_key_columns := %L; '
        'v_tenant_column := %L; v_subject_column := %L;',
        v_shape, v_shape ->> 'fast', v_shape ->> 'hides',
        ARRAY(SELECT jsonb_array_elements_text(v_shape -> 'excluded')),
        ARRAY(SELECT jsonb_array_elements_text(v_shape -> 'personal')),
        ARRAY(SELECT jsonb_array_elements_text(v_shape -> 'key')),
        v_shape ->> 'tenant', v_shape ->> 'subject'
    );
    -- of some tables only TRUNCATE is recorded, and few are recorded by statement
    FOR v_kind, v_source IN
        SELECT k.made, g.prosrc
        FROM (VALUES ('capture', 'generic'), ('bulk', 'bulk_generic')) AS k (made, generic)
        LEFT JOIN pg_proc AS c
            ON c.pronamespace = {{ schema_literal }}::regnamespace
            AND c.proname = format('tg_%s_%s', k.made, p_table_id)
        LEFT JOIN pg_proc AS g
            ON g.pronamespace = {{ schema_literal }}::regnamespace
            AND g.proname = format('tg_%s_%s', k.generic, p_table_id)
        WHERE num_nonnulls(c.oid, g.oid) > 0
    LOOP
        IF v_source IS NULL THEN
            RAISE EXCEPTION 'the generic capture function of audited table % is missing', p_table_id
                USING ERRCODE = 'undefined_function',
                HINT = 'Run pgaudit-kit apply, then repeat the change.';
        END IF;
        v_source := overlay(v_source PLACING
            CASE WHEN v_kind = 'bulk' THEN format('v_shape := %L;', v_shape) ELSE v_columns END
            FROM strpos(v_source, c_place) FOR length(c_place));
        v_source := regexp_replace(v_source, 'v_table_version CONSTANT integer := [0-9]+',
            format('v_table_version CONSTANT integer := %s', p_table_version));
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION %I.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
            'SET search_path = pg_catalog, pg_temp SET row_security = on SET timezone = ''UTC'' SET datestyle = ''ISO'' '
            'SET intervalstyle = ''iso_8601'' SET bytea_output = ''hex'' SET extra_float_digits = 1 '
            'SET lc_monetary = ''C'' SET quote_all_identifiers = off AS %L',
            {{ schema_name }}, format('tg_%s_%s', v_kind, p_table_id), v_source
        );
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.use_generic_capture(integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.use_generic_capture(integer, integer) IS 'Makes an audited table''s capture function the generic one.';

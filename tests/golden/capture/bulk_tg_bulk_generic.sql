CREATE OR REPLACE FUNCTION "audit"."tg_bulk_generic_1"()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex'
SET extra_float_digits = 1
SET lc_monetary = 'C'
SET quote_all_identifiers = off
AS $pgaudit_kit$
#variable_conflict use_variable
DECLARE
    v_table_version CONSTANT integer := 1;
    v_operation CONSTANT "char" := left(TG_OP, 1)::"char";
    v_lenient boolean := false;
    v_shape jsonb;
    v_recorded jsonb;
    v_personal jsonb;
    v_key text;
    v_tenant text;
    v_subject text;
BEGIN
    IF NOT EXISTS (SELECT FROM changed_rows) THEN
        RETURN NULL;
    END IF;
    NULL; -- columns: use_generic_capture puts them here
    BEGIN
    FOR v_recorded, v_personal, v_key, v_tenant, v_subject IN EXECUTE format(
        'SELECT q.* FROM changed_rows AS r CROSS JOIN LATERAL (%s) AS q',
        "audit".capture_query(v_shape, 'row', v_lenient, 'r')
    ) LOOP
        v_tenant := 'acme';
        PERFORM "audit".append_event(
            1, v_table_version, v_operation, v_tenant, v_key,
            CASE WHEN v_operation = 'D' THEN v_recorded END, CASE WHEN v_operation = 'I' THEN v_recorded END,
            CASE WHEN v_operation = 'D' THEN v_personal END, CASE WHEN v_operation = 'I' THEN v_personal END,
            v_subject, false
        );
    END LOOP;
    EXCEPTION
        WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            -- a value that jsonb cannot hold must not abort the user's write
            v_lenient := true;
    FOR v_recorded, v_personal, v_key, v_tenant, v_subject IN EXECUTE format(
        'SELECT q.* FROM changed_rows AS r CROSS JOIN LATERAL (%s) AS q',
        "audit".capture_query(v_shape, 'row', v_lenient, 'r')
    ) LOOP
        v_tenant := 'acme';
        PERFORM "audit".append_event(
            1, v_table_version, v_operation, v_tenant, v_key,
            CASE WHEN v_operation = 'D' THEN v_recorded END, CASE WHEN v_operation = 'I' THEN v_recorded END,
            CASE WHEN v_operation = 'D' THEN v_personal END, CASE WHEN v_operation = 'I' THEN v_personal END,
            v_subject, false
        );
    END LOOP;
    END;
    RETURN NULL;
END;
$pgaudit_kit$;
REVOKE ALL ON FUNCTION "audit"."tg_bulk_generic_1"() FROM PUBLIC;
COMMENT ON FUNCTION "audit"."tg_bulk_generic_1"() IS 'Records statements on audited table 1.';

CREATE OR REPLACE FUNCTION "audit"."tg_bulk_1"()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
SET jit = off -- compiling would take longer than it saves
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex'
SET extra_float_digits = 1
SET lc_monetary = 'C'
SET quote_all_identifiers = off
AS $pgaudit_kit1$
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
    v_shape := E'{"columns":[{"name":"id","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"percent % %s","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"back\\\\slash","kind":"json","size":"flat","recorded":true,"personal":false},{"name":"$pgaudit_kit$","kind":"text","size":"small","recorded":true,"personal":false},{"name":"it''s","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"mail","kind":"plain","size":"flat","recorded":true,"personal":true},{"name":"score","kind":"plain","size":"small","recorded":true,"personal":true},{"name":"ünïcödé","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"select","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"secret","kind":"plain","size":"deep","recorded":false,"personal":false},{"name":"who","kind":"plain","size":"small","recorded":true,"personal":false}],"key":["percent % %s","id"],"key_count":2,"tenant":"percent % %s","subject":"who"}'::jsonb;
    BEGIN
    FOR v_recorded, v_personal, v_key, v_tenant, v_subject IN EXECUTE format(
        'SELECT q.* FROM changed_rows AS r CROSS JOIN LATERAL (%s) AS q',
        "audit".capture_query(v_shape, 'row', v_lenient, 'r')
    ) LOOP
        v_tenant := "audit"."stored_tenant"(v_tenant);
        PERFORM "audit".append_event(
            1, v_table_version, v_operation, v_tenant, v_key,
            CASE WHEN v_operation = 'D' THEN v_recorded END, CASE WHEN v_operation = 'I' THEN v_recorded END,
            CASE WHEN v_operation = 'D' THEN v_personal END, CASE WHEN v_operation = 'I' THEN v_personal END,
            v_subject, false
        );
    END LOOP;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
        -- a value that jsonb cannot hold must not abort the user's write
        v_lenient := true;
    FOR v_recorded, v_personal, v_key, v_tenant, v_subject IN EXECUTE format(
        'SELECT q.* FROM changed_rows AS r CROSS JOIN LATERAL (%s) AS q',
        "audit".capture_query(v_shape, 'row', v_lenient, 'r')
    ) LOOP
        v_tenant := "audit"."stored_tenant"(v_tenant);
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
$pgaudit_kit1$;
REVOKE ALL ON FUNCTION "audit"."tg_bulk_1"() FROM PUBLIC;
COMMENT ON FUNCTION "audit"."tg_bulk_1"() IS 'Records statements on audited table 1.';

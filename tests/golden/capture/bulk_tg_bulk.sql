CREATE OR REPLACE FUNCTION "audit"."tg_bulk_1"()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
SET jit = off -- compiling would take longer than it saves
SET timezone = 'UTC'
SET datestyle = 'ISO'
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
    v_transaction_id bigint;
    v_client jsonb;
    v_context jsonb;
    v_actor text;
    v_action text;
BEGIN
    IF NOT EXISTS (SELECT FROM changed_rows) THEN
        RETURN NULL;
    END IF;
    IF current_setting('pgaudit_kit.context_audit', true) <> '' THEN
        v_client := "audit".read_context(v_operation::text);
    END IF;
    IF (v_client ?| '{ip,user_agent}'::text[]) IS NOT TRUE THEN
        v_transaction_id := txid_current(); -- before numbers are drawn, see append_event
        v_actor := v_client ->> 'actor_id';
        v_action := v_client ->> 'action';
        v_context := coalesce(v_client - '{actor_id,action}'::text[], '{}')
            || jsonb_build_object(
        'db_user', session_user,
        'role', current_setting('role'),
        'application_name', CASE WHEN current_setting('session_replication_role') = 'replica'
            THEN "audit".session_name() ELSE current_setting('application_name') END,
        'client_addr', host(inet_client_addr())
    )
;
        v_tenant := 'acme';
        BEGIN
            INSERT INTO "audit".change_events (
                event_id, occurred_at, transaction_id, table_id, table_version, operation, tenant_id,
                record_key, actor_id, action, context, old_values, new_values
            )
            SELECT
                nextval('"audit"."event_id_seq"'), clock_timestamp(), v_transaction_id, 1, v_table_version,
                v_operation, a.tenant,
                CASE WHEN octet_length(a.key) > 1000
                    THEN 'sha256:' || encode(sha256(convert_to(a.key, 'UTF8')), 'hex') ELSE a.key END,
                v_actor, v_action, v_context,
                CASE WHEN v_operation = 'I' THEN NULL WHEN pg_column_size(a.image) > 20000
                    THEN "audit".bounded_image(a.image) ELSE a.image END,
                CASE WHEN v_operation = 'D' THEN NULL WHEN pg_column_size(a.image) > 20000
                    THEN "audit".bounded_image(a.image) ELSE a.image END
            FROM (
                SELECT
v_tenant AS tenant,
                    (r."id")::text AS key,
                    to_jsonb(r.*) AS image
                FROM changed_rows AS r
                OFFSET 0 -- each value is made once
            ) AS a;
            RETURN NULL;
        EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            v_lenient := true;
        END;
    END IF;
    v_shape := '{"columns":[{"name":"id","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"title","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"price","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"published_at","kind":"plain","size":"small","recorded":true,"personal":false}],"key":["id"],"key_count":1,"tenant":null,"subject":null}'::jsonb;
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
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
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
REVOKE ALL ON FUNCTION "audit"."tg_bulk_1"() FROM PUBLIC;
COMMENT ON FUNCTION "audit"."tg_bulk_1"() IS 'Records statements on audited table 1.';

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
        BEGIN
            WITH image AS MATERIALIZED (
                SELECT
                    nextval('"audit"."event_id_seq"') AS event_id,
                    clock_timestamp() AS occurred_at,
                    a.tenant,
                    a.subject,
                    CASE WHEN octet_length(a.key) > 1000
                        THEN 'sha256:' || encode(sha256(convert_to(a.key, 'UTF8')), 'hex') ELSE a.key END AS key,
                    CASE WHEN pg_column_size(a.recorded) > 20000
                        THEN "audit".bounded_image(a.recorded) ELSE a.recorded END AS recorded,
                    CASE WHEN pg_column_size(a.personal) > 20000
                        THEN "audit".bounded_image(a.personal) ELSE a.personal END AS personal,
                    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS salt,
                    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS key_salt
                FROM (
                    SELECT
CASE WHEN (r."percent % %s")::text IS NULL THEN 'default' WHEN octet_length((r."percent % %s")::text) > 200 THEN 'sha256:' || encode(sha256(convert_to((r."percent % %s")::text, 'UTF8')), 'hex') WHEN starts_with((r."percent % %s")::text, '_') THEN '_' || (r."percent % %s")::text ELSE (r."percent % %s")::text END AS tenant,
                        jsonb_build_array((r."percent % %s")::text, (r."id")::text)::text AS key,
                        jsonb_build_object('id', r."id", 'percent % %s', r."percent % %s", E'back\\slash', (r."back\slash")::text, '$pgaudit_kit$', CASE WHEN num_nulls(r."$pgaudit_kit$") = 0 THEN format('%s', r."$pgaudit_kit$") END, 'it''s', r."it's", 'ünïcödé', r."ünïcödé", 'select', r."select", 'who', r."who") AS recorded,
                        jsonb_build_object('mail', r."mail", 'score', r."score") AS personal,
(r."who")::text AS subject
                    FROM changed_rows AS r
                    OFFSET 0 -- each value is made once
                ) AS a
            ),

            personal_values AS (
                INSERT INTO "audit".personal_values (
                    event_id, occurred_at, tenant_id, subject, salt, old_values, new_values
                )
                SELECT
                    i.event_id, i.occurred_at, i.tenant, i.subject, i.salt,
                    CASE WHEN v_operation = 'D' THEN i.personal END,
                    CASE WHEN v_operation = 'I' THEN i.personal END
                FROM image AS i
            )

            INSERT INTO "audit".change_events (
                event_id, occurred_at, transaction_id, table_id, table_version, operation, tenant_id,
                record_key, actor_id, action, context, old_values, new_values, personal_commitment
            )
            SELECT
                i.event_id, i.occurred_at, v_transaction_id, 1, v_table_version, v_operation, i.tenant,
                i.key,
                v_actor, v_action, v_context,
                CASE WHEN v_operation = 'D' THEN i.recorded END, CASE WHEN v_operation = 'I' THEN i.recorded END,
                sha256(i.salt || convert_to(jsonb_build_array(
                    CASE WHEN v_operation = 'D' THEN i.personal END,
                    CASE WHEN v_operation = 'I' THEN i.personal END,
                    NULL
                )::text, 'UTF8'))
            FROM image AS i;
            RETURN NULL;
        EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            v_lenient := true;
        END;
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

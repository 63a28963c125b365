CREATE OR REPLACE FUNCTION "audit"."tg_capture_1"()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $pgaudit_kit$
DECLARE
    v_table_version CONSTANT integer := 1;
    v_slow boolean := false;
    v_lenient boolean := false;
    v_shape jsonb;
    v_row_query text;
    v_moves boolean := false;
    v_tenant text;
    v_tenant_after text;
    v_key text;
    v_old jsonb;
    v_new jsonb;
    v_personal_old jsonb;
    v_personal_new jsonb;
    v_subject text;
    v_subject_after text;
    v_ignored text;
    v_xmin xid;
    v_raw boolean;
    v_raw_personal boolean;
    v_client jsonb;
BEGIN
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."title" IS DISTINCT FROM NEW."title")) THEN
        PERFORM "audit".note_tenant(1, (NEW."id")::text, "audit"."via_tenant"(7, (NEW."title")::text));
    END IF;
    -- Of these types no value can fail to become jsonb unless it is very large, so no block is needed, which
    -- would cost as much as the images. PL/pgSQL prepares each expression anew in every transaction: the
    -- common case, without a context and in one INSERT, has as few as can be.
    IF TG_OP = 'UPDATE' THEN
        IF NOT (OLD *<> NEW) THEN
            RETURN NULL; -- nothing that is stored has changed
        END IF;

        IF pg_column_size(OLD) + pg_column_size(NEW) < 1000000 AND NOT (OLD."title" IS DISTINCT FROM NEW."title") THEN
            IF OLD."id" IS DISTINCT FROM NEW."id" THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('id', OLD."id");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('id', NEW."id");
            END IF;
            IF OLD."title" IS DISTINCT FROM NEW."title" THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('title', OLD."title");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('title', NEW."title");
            END IF;
            IF ROW(OLD."price")::record *<> ROW(NEW."price")::record THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('price', OLD."price");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('price', NEW."price");
            END IF;
            IF OLD."published_at" IS DISTINCT FROM NEW."published_at" THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('published_at', OLD."published_at");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('published_at', NEW."published_at");
            END IF;
            IF (current_setting('pgaudit_kit.context_audit', true) <> '') IS NOT TRUE
                AND pg_column_size(v_old) <= 20000 AND pg_column_size(v_new) <= 20000
            THEN
                INSERT INTO "audit".change_events (
                    event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
                    record_key, context, old_values, new_values
                ) VALUES (
                    nextval('"audit"."event_id_seq"'), clock_timestamp(), txid_current(), 1, 1,
                    NEW.xmin, 'U', "audit"."via_tenant"(7, (OLD."title")::text),
                    (OLD."id")::text, jsonb_build_object(
        'db_user', session_user,
        'role', current_setting('role'),
        'application_name', CASE WHEN current_setting('session_replication_role') = 'replica'
            THEN "audit".session_name() ELSE current_setting('application_name') END,
        'client_addr', host(inet_client_addr())
    )
,
                    v_old, v_new
                );
                RETURN NULL;
            END IF;
            v_xmin := NEW.xmin;
            v_key := (OLD."id")::text;
            v_tenant := "audit"."via_tenant"(7, (OLD."title")::text);
        ELSE
            v_slow := true;
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        IF (current_setting('pgaudit_kit.context_audit', true) <> '') IS NOT TRUE AND pg_column_size(NEW) < 8000 THEN
                INSERT INTO "audit".change_events (
                    event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
                    record_key, context, old_values, new_values
                ) VALUES (
                    nextval('"audit"."event_id_seq"'), clock_timestamp(), txid_current(), 1, 1,
                    NEW.xmin, 'I', "audit"."via_tenant"(7, (NEW."title")::text),
                    (NEW."id")::text, jsonb_build_object(
        'db_user', session_user,
        'role', current_setting('role'),
        'application_name', CASE WHEN current_setting('session_replication_role') = 'replica'
            THEN "audit".session_name() ELSE current_setting('application_name') END,
        'client_addr', host(inet_client_addr())
    )
,
                    NULL, to_jsonb(NEW)
                );
                RETURN NULL;
        ELSIF pg_column_size(NEW) < 1000000 THEN
            v_xmin := NEW.xmin;
            v_key := (NEW."id")::text;
            v_tenant := "audit"."via_tenant"(7, (NEW."title")::text);
            v_new := to_jsonb(NEW);
        ELSE
            v_slow := true;
        END IF;
    ELSIF (current_setting('pgaudit_kit.context_audit', true) <> '') IS NOT TRUE AND pg_column_size(OLD) < 8000 THEN
                INSERT INTO "audit".change_events (
                    event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
                    record_key, context, old_values, new_values
                ) VALUES (
                    nextval('"audit"."event_id_seq"'), clock_timestamp(), txid_current(), 1, 1,
                    NULL, 'D', "audit"."via_tenant"(7, (OLD."title")::text),
                    (OLD."id")::text, jsonb_build_object(
        'db_user', session_user,
        'role', current_setting('role'),
        'application_name', CASE WHEN current_setting('session_replication_role') = 'replica'
            THEN "audit".session_name() ELSE current_setting('application_name') END,
        'client_addr', host(inet_client_addr())
    )
,
                    to_jsonb(OLD), NULL
                );
                RETURN NULL;
    ELSIF pg_column_size(OLD) < 1000000 THEN
        v_key := (OLD."id")::text;
        v_tenant := "audit"."via_tenant"(7, (OLD."title")::text);
        v_old := to_jsonb(OLD);
    ELSE
        v_slow := true;
    END IF;

    IF v_slow THEN
        v_shape := '{"columns":[{"name":"id","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"title","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"price","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"published_at","kind":"plain","size":"small","recorded":true,"personal":false}],"key":["id"],"key_count":1,"tenant":"title","subject":null}'::jsonb;
        BEGIN
        IF TG_OP = 'UPDATE' THEN
            v_xmin := NEW.xmin;
            EXECUTE "audit".capture_query(v_shape, 'change', v_lenient)
            INTO v_old, v_new, v_personal_old, v_personal_new, v_key, v_tenant, v_tenant_after, v_subject
            USING OLD, NEW;
            v_tenant_after := "audit"."via_tenant"(7, v_tenant_after);
            v_moves := "audit"."via_tenant"(7, v_tenant) <> v_tenant_after;
            IF v_moves THEN
                v_row_query := "audit".capture_query(v_shape, 'row', v_lenient);
                EXECUTE v_row_query INTO v_old, v_personal_old, v_key, v_tenant, v_subject USING OLD;
                EXECUTE v_row_query INTO v_new, v_personal_new, v_ignored, v_ignored, v_subject_after USING NEW;
            END IF;
        ELSE
            v_row_query := "audit".capture_query(v_shape, 'row', v_lenient);
            IF TG_OP = 'INSERT' THEN
                v_xmin := NEW.xmin;
                EXECUTE v_row_query INTO v_new, v_personal_new, v_key, v_tenant, v_subject USING NEW;
            ELSE
                EXECUTE v_row_query INTO v_old, v_personal_old, v_key, v_tenant, v_subject USING OLD;
            END IF;
        END IF;
        v_tenant := "audit"."via_tenant"(7, v_tenant);

        EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            v_lenient := true;
        IF TG_OP = 'UPDATE' THEN
            v_xmin := NEW.xmin;
            EXECUTE "audit".capture_query(v_shape, 'change', v_lenient)
            INTO v_old, v_new, v_personal_old, v_personal_new, v_key, v_tenant, v_tenant_after, v_subject
            USING OLD, NEW;
            v_tenant_after := "audit"."via_tenant"(7, v_tenant_after);
            v_moves := "audit"."via_tenant"(7, v_tenant) <> v_tenant_after;
            IF v_moves THEN
                v_row_query := "audit".capture_query(v_shape, 'row', v_lenient);
                EXECUTE v_row_query INTO v_old, v_personal_old, v_key, v_tenant, v_subject USING OLD;
                EXECUTE v_row_query INTO v_new, v_personal_new, v_ignored, v_ignored, v_subject_after USING NEW;
            END IF;
        ELSE
            v_row_query := "audit".capture_query(v_shape, 'row', v_lenient);
            IF TG_OP = 'INSERT' THEN
                v_xmin := NEW.xmin;
                EXECUTE v_row_query INTO v_new, v_personal_new, v_key, v_tenant, v_subject USING NEW;
            ELSE
                EXECUTE v_row_query INTO v_old, v_personal_old, v_key, v_tenant, v_subject USING OLD;
            END IF;
        END IF;
        v_tenant := "audit"."via_tenant"(7, v_tenant);

        END;
    END IF;
    IF TG_OP = 'UPDATE' AND v_old IS NULL THEN
        RETURN NULL; -- only columns changed that are not recorded
    END IF;
    IF current_setting('pgaudit_kit.context_audit', true) <> '' THEN
        v_client := "audit".read_context(left(TG_OP, 1));
    END IF;
    IF v_moves OR octet_length(v_key) > 1000 OR v_client ?| '{ip,user_agent}'::text[]
        OR pg_column_size(v_old) > 20000 OR pg_column_size(v_new) > 20000
    THEN
    IF v_moves THEN
        -- the row leaves one tenant's log and enters another's
        PERFORM "audit".append_event(
            1, v_table_version, 'U', v_tenant, v_key,
            v_old, NULL, v_personal_old, NULL, v_subject, false, v_xmin
        );
        PERFORM "audit".append_event(
            1, v_table_version, 'U', v_tenant_after, v_key,
            NULL, v_new, NULL, v_personal_new, v_subject_after, false, v_xmin
        );
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF coalesce(v_old, v_personal_old) IS NULL THEN
            RETURN NULL; -- only columns changed that are not recorded
        END IF;
        v_old := coalesce(v_old, '{}');
        v_new := coalesce(v_new, '{}');
    END IF;
    PERFORM "audit".append_event(
        1, v_table_version, left(TG_OP, 1)::"char", v_tenant, v_key,
        v_old, v_new, v_personal_old, v_personal_new, v_subject, false, v_xmin
    );
    RETURN NULL;

    END IF;
    -- the common case is written here, since the call would cost as much as the rest
    INSERT INTO "audit".change_events (
        event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
        record_key, actor_id, action, context, old_values, new_values
    ) VALUES (
        nextval('"audit"."event_id_seq"'), clock_timestamp(), txid_current(), 1, v_table_version,
        v_xmin, left(TG_OP, 1)::"char", v_tenant, v_key, v_client ->> 'actor_id', v_client ->> 'action',
        coalesce(v_client - '{actor_id,action}'::text[], '{}')
            || jsonb_build_object(
        'db_user', session_user,
        'role', current_setting('role'),
        'application_name', CASE WHEN current_setting('session_replication_role') = 'replica'
            THEN "audit".session_name() ELSE current_setting('application_name') END,
        'client_addr', host(inet_client_addr())
    )
,
        v_old, v_new
    );
    RETURN NULL;
END;
$pgaudit_kit$;
REVOKE ALL ON FUNCTION "audit"."tg_capture_1"() FROM PUBLIC;
COMMENT ON FUNCTION "audit"."tg_capture_1"() IS 'Records row changes of audited table 1.';

CREATE OR REPLACE FUNCTION "audit"."tg_capture_42"()
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
AS $pgaudit_kit1$
DECLARE
    v_table_version CONSTANT integer := 7;
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
    IF TG_OP = 'UPDATE' THEN
        IF NOT (OLD *<> NEW) THEN
            RETURN NULL; -- nothing that is stored has changed
        END IF;

    END IF;
    -- Whoever makes partitions may execute this function: not in a trigger on another table, not before a
    -- write that may never be, and not a second time on a partition.
    IF pg_partition_root(TG_RELID)::text IS DISTINCT FROM '"Sales & more"."The ""Table"""'
        OR TG_NAME <> '00_pgaudit_kit_audit_row' OR TG_WHEN <> 'AFTER'
    THEN
        IF TG_WHEN <> 'AFTER' OR NOT EXISTS (
            -- the table was renamed, or is itself a partition, or the trigger was renamed
            SELECT FROM "audit".audited_tables AS t
            INNER JOIN pg_partition_ancestors(TG_RELID) AS a ON a.relid = t.relation
            WHERE t.table_id = 42 AND NOT EXISTS (
                SELECT FROM pg_trigger AS g
                WHERE g.tgrelid = TG_RELID AND g.tgname = TG_NAME AND g.tgparentid = 0 AND g.tgrelid <> t.relation
            )
        ) THEN
            RAISE EXCEPTION '%.% is no part of the table whose changes this trigger records',
                quote_ident(TG_TABLE_SCHEMA), quote_ident(TG_TABLE_NAME)
                USING ERRCODE = 'trigger_protocol_violated', HINT = 'Drop the trigger.';
        END IF;
    END IF;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            v_xmin := NEW.xmin;
            v_key := jsonb_build_array((OLD."percent % %s")::text, (OLD."id")::text)::text;
            v_tenant := CASE WHEN (OLD."percent % %s")::text IS NULL THEN 'default' WHEN octet_length((OLD."percent % %s")::text) > 200 THEN 'sha256:' || encode(sha256(convert_to((OLD."percent % %s")::text, 'UTF8')), 'hex') WHEN starts_with((OLD."percent % %s")::text, '_') THEN '_' || (OLD."percent % %s")::text ELSE (OLD."percent % %s")::text END;
            v_subject := (OLD."who")::text;
            v_tenant_after := CASE WHEN (NEW."percent % %s")::text IS NULL THEN 'default' WHEN octet_length((NEW."percent % %s")::text) > 200 THEN 'sha256:' || encode(sha256(convert_to((NEW."percent % %s")::text, 'UTF8')), 'hex') WHEN starts_with((NEW."percent % %s")::text, '_') THEN '_' || (NEW."percent % %s")::text ELSE (NEW."percent % %s")::text END;
            v_moves := v_tenant <> v_tenant_after;
            IF v_moves THEN
                v_old := jsonb_build_object('id', OLD."id", 'percent % %s', OLD."percent % %s", E'back\\slash', (OLD."back\slash")::text, '$pgaudit_kit$', CASE WHEN num_nulls(OLD."$pgaudit_kit$") = 0 THEN format('%s', OLD."$pgaudit_kit$") END, 'it''s', OLD."it's", 'ünïcödé', OLD."ünïcödé", 'select', OLD."select", 'who', OLD."who");
                v_new := jsonb_build_object('id', NEW."id", 'percent % %s', NEW."percent % %s", E'back\\slash', (NEW."back\slash")::text, '$pgaudit_kit$', CASE WHEN num_nulls(NEW."$pgaudit_kit$") = 0 THEN format('%s', NEW."$pgaudit_kit$") END, 'it''s', NEW."it's", 'ünïcödé', NEW."ünïcödé", 'select', NEW."select", 'who', NEW."who");
                v_subject_after := (NEW."who")::text;
                v_personal_old := jsonb_build_object('mail', OLD."mail", 'score', OLD."score");
                v_personal_new := jsonb_build_object('mail', NEW."mail", 'score', NEW."score");
            ELSE
            IF OLD."id" IS DISTINCT FROM NEW."id" THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('id', OLD."id");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('id', NEW."id");
            END IF;
            IF OLD."percent % %s" IS DISTINCT FROM NEW."percent % %s" THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('percent % %s', OLD."percent % %s");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('percent % %s', NEW."percent % %s");
            END IF;
            IF ROW(OLD."back\slash")::record *<> ROW(NEW."back\slash")::record THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object(E'back\\slash', (OLD."back\slash")::text);
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object(E'back\\slash', (NEW."back\slash")::text);
            END IF;
            IF ROW(OLD."$pgaudit_kit$")::record *<> ROW(NEW."$pgaudit_kit$")::record THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('$pgaudit_kit$', CASE WHEN num_nulls(OLD."$pgaudit_kit$") = 0 THEN format('%s', OLD."$pgaudit_kit$") END);
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('$pgaudit_kit$', CASE WHEN num_nulls(NEW."$pgaudit_kit$") = 0 THEN format('%s', NEW."$pgaudit_kit$") END);
                IF coalesce(to_jsonb(CASE WHEN num_nulls(OLD."$pgaudit_kit$") = 0 THEN format('%s', OLD."$pgaudit_kit$") END), 'null')::text = coalesce(to_jsonb(CASE WHEN num_nulls(NEW."$pgaudit_kit$") = 0 THEN format('%s', NEW."$pgaudit_kit$") END), 'null')::text THEN
                    v_raw := true;
                END IF;
            END IF;
            IF ROW(OLD."it's")::record *<> ROW(NEW."it's")::record THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('it''s', OLD."it's");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('it''s', NEW."it's");
                IF coalesce(to_jsonb(OLD."it's"), 'null')::text = coalesce(to_jsonb(NEW."it's"), 'null')::text THEN
                    v_raw := true;
                END IF;
            END IF;
            IF ROW(OLD."mail")::record *<> ROW(NEW."mail")::record THEN
                v_personal_old := coalesce(v_personal_old, '{}')
                    || jsonb_build_object('mail', OLD."mail");
                v_personal_new := coalesce(v_personal_new, '{}')
                    || jsonb_build_object('mail', NEW."mail");
                IF coalesce(to_jsonb(OLD."mail"), 'null')::text = coalesce(to_jsonb(NEW."mail"), 'null')::text THEN
                    v_raw_personal := true;
                END IF;
            END IF;
            IF ROW(OLD."score")::record *<> ROW(NEW."score")::record THEN
                v_personal_old := coalesce(v_personal_old, '{}')
                    || jsonb_build_object('score', OLD."score");
                v_personal_new := coalesce(v_personal_new, '{}')
                    || jsonb_build_object('score', NEW."score");
                IF coalesce(to_jsonb(OLD."score"), 'null')::text = coalesce(to_jsonb(NEW."score"), 'null')::text THEN
                    v_raw_personal := true;
                END IF;
            END IF;
            IF ROW(OLD."ünïcödé")::record *<> ROW(NEW."ünïcödé")::record THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('ünïcödé', OLD."ünïcödé");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('ünïcödé', NEW."ünïcödé");
            END IF;
            IF OLD."select" IS DISTINCT FROM NEW."select" THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('select', OLD."select");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('select', NEW."select");
            END IF;
            IF OLD."who" IS DISTINCT FROM NEW."who" THEN
                v_old := coalesce(v_old, '{}')
                    || jsonb_build_object('who', OLD."who");
                v_new := coalesce(v_new, '{}')
                    || jsonb_build_object('who', NEW."who");
            END IF;
            IF v_raw THEN
                v_old := v_old || jsonb_build_object('~row', ROW(OLD."id", OLD."percent % %s", OLD."back\slash", OLD."$pgaudit_kit$", OLD."it's", OLD."ünïcödé", OLD."select", OLD."who")::text);
                v_new := v_new || jsonb_build_object('~row', ROW(NEW."id", NEW."percent % %s", NEW."back\slash", NEW."$pgaudit_kit$", NEW."it's", NEW."ünïcödé", NEW."select", NEW."who")::text);
            END IF;
            IF v_raw_personal THEN
                v_personal_old := v_personal_old || jsonb_build_object('~row', ROW(OLD."mail", OLD."score")::text);
                v_personal_new := v_personal_new || jsonb_build_object('~row', ROW(NEW."mail", NEW."score")::text);
            END IF;
            END IF;
        ELSIF TG_OP = 'INSERT' THEN
            v_xmin := NEW.xmin;
            v_key := jsonb_build_array((NEW."percent % %s")::text, (NEW."id")::text)::text;
            v_tenant := CASE WHEN (NEW."percent % %s")::text IS NULL THEN 'default' WHEN octet_length((NEW."percent % %s")::text) > 200 THEN 'sha256:' || encode(sha256(convert_to((NEW."percent % %s")::text, 'UTF8')), 'hex') WHEN starts_with((NEW."percent % %s")::text, '_') THEN '_' || (NEW."percent % %s")::text ELSE (NEW."percent % %s")::text END;
            v_new := jsonb_build_object('id', NEW."id", 'percent % %s', NEW."percent % %s", E'back\\slash', (NEW."back\slash")::text, '$pgaudit_kit$', CASE WHEN num_nulls(NEW."$pgaudit_kit$") = 0 THEN format('%s', NEW."$pgaudit_kit$") END, 'it''s', NEW."it's", 'ünïcödé', NEW."ünïcödé", 'select', NEW."select", 'who', NEW."who");
            v_personal_new := jsonb_build_object('mail', NEW."mail", 'score', NEW."score");
            v_subject := (NEW."who")::text;
        ELSE
            v_key := jsonb_build_array((OLD."percent % %s")::text, (OLD."id")::text)::text;
            v_tenant := CASE WHEN (OLD."percent % %s")::text IS NULL THEN 'default' WHEN octet_length((OLD."percent % %s")::text) > 200 THEN 'sha256:' || encode(sha256(convert_to((OLD."percent % %s")::text, 'UTF8')), 'hex') WHEN starts_with((OLD."percent % %s")::text, '_') THEN '_' || (OLD."percent % %s")::text ELSE (OLD."percent % %s")::text END;
            v_old := jsonb_build_object('id', OLD."id", 'percent % %s', OLD."percent % %s", E'back\\slash', (OLD."back\slash")::text, '$pgaudit_kit$', CASE WHEN num_nulls(OLD."$pgaudit_kit$") = 0 THEN format('%s', OLD."$pgaudit_kit$") END, 'it''s', OLD."it's", 'ünïcödé', OLD."ünïcödé", 'select', OLD."select", 'who', OLD."who");
            v_personal_old := jsonb_build_object('mail', OLD."mail", 'score', OLD."score");
            v_subject := (OLD."who")::text;
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
        -- a value that jsonb cannot hold must not abort the user's write
        v_slow := true;
        v_lenient := true;
    END;

    IF v_slow THEN
        v_shape := E'{"columns":[{"name":"id","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"percent % %s","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"back\\\\slash","kind":"json","size":"flat","recorded":true,"personal":false},{"name":"$pgaudit_kit$","kind":"text","size":"small","recorded":true,"personal":false},{"name":"it''s","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"mail","kind":"plain","size":"flat","recorded":true,"personal":true},{"name":"score","kind":"plain","size":"small","recorded":true,"personal":true},{"name":"ünïcödé","kind":"plain","size":"small","recorded":true,"personal":false},{"name":"select","kind":"plain","size":"flat","recorded":true,"personal":false},{"name":"secret","kind":"plain","size":"deep","recorded":false,"personal":false},{"name":"who","kind":"plain","size":"small","recorded":true,"personal":false}],"key":["percent % %s","id"],"key_count":2,"tenant":"percent % %s","subject":"who"}'::jsonb;
        BEGIN
        IF TG_OP = 'UPDATE' THEN
            v_xmin := NEW.xmin;
            EXECUTE "audit".capture_query(v_shape, 'change', v_lenient)
            INTO v_old, v_new, v_personal_old, v_personal_new, v_key, v_tenant, v_tenant_after, v_subject
            USING OLD, NEW;
            v_tenant_after := "audit"."stored_tenant"(v_tenant_after);
            v_moves := "audit"."stored_tenant"(v_tenant) <> v_tenant_after;
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
        v_tenant := "audit"."stored_tenant"(v_tenant);

        EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            v_lenient := true;
        IF TG_OP = 'UPDATE' THEN
            v_xmin := NEW.xmin;
            EXECUTE "audit".capture_query(v_shape, 'change', v_lenient)
            INTO v_old, v_new, v_personal_old, v_personal_new, v_key, v_tenant, v_tenant_after, v_subject
            USING OLD, NEW;
            v_tenant_after := "audit"."stored_tenant"(v_tenant_after);
            v_moves := "audit"."stored_tenant"(v_tenant) <> v_tenant_after;
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
        v_tenant := "audit"."stored_tenant"(v_tenant);

        END;
    END IF;
    IF v_moves THEN
        -- the row leaves one tenant's log and enters another's
        PERFORM "audit".append_event(
            42, v_table_version, 'U', v_tenant, v_key,
            v_old, NULL, v_personal_old, NULL, v_subject, false, v_xmin
        );
        PERFORM "audit".append_event(
            42, v_table_version, 'U', v_tenant_after, v_key,
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
        42, v_table_version, left(TG_OP, 1)::"char", v_tenant, v_key,
        v_old, v_new, v_personal_old, v_personal_new, v_subject, false, v_xmin
    );
    RETURN NULL;

END;
$pgaudit_kit1$;
REVOKE ALL ON FUNCTION "audit"."tg_capture_42"() FROM PUBLIC;
-- a new partition gets a copy of the trigger, for which its maker needs this
GRANT EXECUTE ON FUNCTION "audit"."tg_capture_42"() TO "the ""owner""";
COMMENT ON FUNCTION "audit"."tg_capture_42"() IS 'Records row changes of audited table 42.';

CREATE OR REPLACE FUNCTION "audit"."tg_generic_42"()
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
DECLARE
    v_table_version CONSTANT integer := 7;
    v_lenient boolean := false;
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
    v_shape jsonb;
    v_fast boolean;
    v_hides boolean;
    v_row jsonb;
    v_raw_text text;
    v_excluded text[];
    v_personal text[];
    v_key_columns text[];
    v_tenant_column text;
    v_subject_column text;
BEGIN
    IF TG_OP = 'UPDATE' AND NOT (OLD *<> NEW) THEN
        RETURN NULL; -- nothing that is stored has changed
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
    NULL; -- columns: use_generic_capture puts them here
    BEGIN
        -- Most tables have nothing but types for which jsonb of the whole row tells everything: then no
        -- query has to be made.
        IF v_fast AND v_hides AND TG_OP = 'UPDATE' THEN
            -- Two values have one jsonb: SQL's NULL and JSON's null, arrays whose bounds differ.
            v_raw_text := concat(OLD, NEW);
            v_fast := v_raw_text NOT LIKE '%null%' AND v_raw_text NOT LIKE '%]=%';
        END IF;
        IF v_fast THEN
            IF TG_OP <> 'INSERT' THEN
                v_old := to_jsonb(OLD);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                v_new := to_jsonb(NEW);
                v_xmin := NEW.xmin;
            END IF;
            v_row := coalesce(v_old, v_new);
            v_key := CASE WHEN 2 = 1 THEN v_row ->> v_key_columns[1] ELSE (
                SELECT jsonb_agg(v_row ->> k.name ORDER BY k.ordinality)::text
                FROM unnest(v_key_columns) WITH ORDINALITY AS k (name, ordinality)
            ) END;
            v_subject := v_row ->> v_subject_column;
            v_tenant := v_row ->> v_tenant_column;
            v_tenant_after := v_new ->> v_tenant_column;
            v_old := v_old - v_excluded;
            v_new := v_new - v_excluded;
            IF TG_OP = 'UPDATE' THEN
                v_tenant_after := "audit"."stored_tenant"(v_tenant_after);
                v_moves := "audit"."stored_tenant"(v_tenant) <> v_tenant_after;
                IF v_moves THEN
                    v_subject_after := to_jsonb(NEW) ->> v_subject_column;
                ELSE
                    SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value)
                    INTO v_old, v_new
                    FROM jsonb_each(v_old) AS o
                    INNER JOIN jsonb_each(v_new) AS n ON n.key = o.key
                    WHERE n.value::text <> o.value::text;
                END IF;
            END IF;
            v_tenant := "audit"."stored_tenant"(v_tenant);
            IF v_personal <> '{}' THEN
                SELECT jsonb_object_agg(o.key, o.value) INTO v_personal_old
                FROM jsonb_each(v_old) AS o WHERE o.key = ANY (v_personal);
                SELECT jsonb_object_agg(n.key, n.value) INTO v_personal_new
                FROM jsonb_each(v_new) AS n WHERE n.key = ANY (v_personal);
                v_old := v_old - v_personal;
                v_new := v_new - v_personal;
            END IF;
        END IF;
        IF NOT v_fast THEN
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
        END IF;
    EXCEPTION
        WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            -- a value that jsonb cannot hold must not abort the user's write
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
$pgaudit_kit$;
REVOKE ALL ON FUNCTION "audit"."tg_generic_42"() FROM PUBLIC;
COMMENT ON FUNCTION "audit"."tg_generic_42"() IS 'Records row changes of audited table 42.';

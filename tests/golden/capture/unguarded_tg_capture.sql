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
AS $pgaudit_kit$
DECLARE
    v_table_version CONSTANT integer := 1;
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
    v_relation oid;
    v_renumbered boolean;
    -- columns by number, and under which names this function knew them
    v_key_attnums smallint[] := '{3,1}'::smallint[];
    v_excluded_attnums smallint[] := '{12}'::smallint[];
    v_personal_attnums smallint[] := '{7,8}'::smallint[];
    v_tenant_attnum smallint := 3::smallint;
    v_subject_attnum smallint := 13::smallint;
    -- Of the types in the first two lists jsonb of the row holds what the specialised function records;
    -- of the second, two values may have one jsonb. Of the third, its text is the value's text.
    c_plain_types CONSTANT oid[] := '"char"'::regtype || '{bool,name,int2,int4,int8,oid,text,varchar,bpchar,'
        'numeric,date,time,timestamp,timestamptz,interval,uuid,bytea,inet}'::regtype[];
    c_hiding_types CONSTANT oid[] := '{jsonb,_text,_varchar,_int2,_int4,_int8,_uuid}'::regtype[];
    c_text_types CONSTANT oid[] := '{bool,name,int2,int4,int8,text,varchar,numeric,date,uuid}'::regtype[];
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
    -- attnums are those of the audited table; a partition may have others, but the same names
    v_relation := coalesce((
        SELECT g.tgrelid
        FROM pg_partition_ancestors(TG_RELID) AS a
        INNER JOIN pg_trigger AS g ON g.tgrelid = a.relid
        WHERE g.tgfoid = '"audit"."tg_capture_42"'::regproc AND g.tgparentid = 0
        LIMIT 1 -- one for each condition
    ), TG_RELID);
    -- Nothing tells this function of DDL, so it reads the catalogs for each row.
    SELECT
        bool_and(
            a.attgenerated <> 'v' AND a.atttypid = ANY (
                CASE WHEN a.attnum = ANY (v_key_attnums || v_tenant_attnum || v_subject_attnum)
                    THEN c_text_types ELSE c_plain_types || c_hiding_types END
            )
        ),
        bool_or(a.atttypid = ANY (c_hiding_types)),
        coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY (v_excluded_attnums)), '{}'),
        coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY (v_personal_attnums)), '{}'),
        array_agg(a.attname::text ORDER BY array_position(v_key_attnums, a.attnum))
            FILTER (WHERE a.attnum = ANY (v_key_attnums)),
        max(a.attname::text) FILTER (WHERE a.attnum = v_tenant_attnum),
        max(a.attname::text) FILTER (WHERE a.attnum = v_subject_attnum),
        bool_or(a.attnum <> ('{"id":1,"percent % %s":3,"mail":7,"score":8,"secret":12,"who":13}'::jsonb ->> a.attname::text)::smallint)
    INTO v_fast, v_hides, v_excluded, v_personal, v_key_columns, v_tenant_column, v_subject_column,
        v_renumbered
    FROM pg_attribute AS a
    WHERE a.attrelid = v_relation AND a.attnum > 0 AND NOT a.attisdropped;
        -- In a restored copy columns may have other numbers than when this function was made.
        IF v_renumbered THEN
            v_key_attnums := "audit".current_attnums(
                v_relation, v_key_attnums, '{"id":1,"percent % %s":3,"mail":7,"score":8,"secret":12,"who":13}'::jsonb, 13::smallint
            );
            v_excluded_attnums := "audit".current_attnums(
                v_relation, v_excluded_attnums, '{"id":1,"percent % %s":3,"mail":7,"score":8,"secret":12,"who":13}'::jsonb, 13::smallint
            );
            v_personal_attnums := "audit".current_attnums(
                v_relation, v_personal_attnums, '{"id":1,"percent % %s":3,"mail":7,"score":8,"secret":12,"who":13}'::jsonb, 13::smallint
            );
            v_tenant_attnum := ("audit".current_attnums(
                v_relation, ARRAY[v_tenant_attnum], '{"id":1,"percent % %s":3,"mail":7,"score":8,"secret":12,"who":13}'::jsonb, 13::smallint
            ))[1];
            v_subject_attnum := ("audit".current_attnums(
                v_relation, ARRAY[v_subject_attnum], '{"id":1,"percent % %s":3,"mail":7,"score":8,"secret":12,"who":13}'::jsonb, 13::smallint
            ))[1];
    -- Nothing tells this function of DDL, so it reads the catalogs for each row.
    SELECT
        bool_and(
            a.attgenerated <> 'v' AND a.atttypid = ANY (
                CASE WHEN a.attnum = ANY (v_key_attnums || v_tenant_attnum || v_subject_attnum)
                    THEN c_text_types ELSE c_plain_types || c_hiding_types END
            )
        ),
        bool_or(a.atttypid = ANY (c_hiding_types)),
        coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY (v_excluded_attnums)), '{}'),
        coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY (v_personal_attnums)), '{}'),
        array_agg(a.attname::text ORDER BY array_position(v_key_attnums, a.attnum))
            FILTER (WHERE a.attnum = ANY (v_key_attnums)),
        max(a.attname::text) FILTER (WHERE a.attnum = v_tenant_attnum),
        max(a.attname::text) FILTER (WHERE a.attnum = v_subject_attnum),
        bool_or(a.attnum <> ('{"id":1,"percent % %s":3,"mail":7,"score":8,"secret":12,"who":13}'::jsonb ->> a.attname::text)::smallint)
    INTO v_fast, v_hides, v_excluded, v_personal, v_key_columns, v_tenant_column, v_subject_column,
        v_renumbered
    FROM pg_attribute AS a
    WHERE a.attrelid = v_relation AND a.attnum > 0 AND NOT a.attisdropped;
        END IF;
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
            IF NOT v_row ?& (
                v_excluded || v_personal || v_key_columns || v_tenant_column || v_subject_column
            ) THEN
                RAISE undefined_column;
            END IF;
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
            v_shape := "audit".capture_shape(
                v_relation, v_key_attnums, v_excluded_attnums, v_personal_attnums, v_tenant_attnum,
                v_subject_attnum
            );
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
        WHEN undefined_column THEN
            -- a snapshot from before the column had its name; which column is which is not known
            v_old := CASE WHEN TG_OP <> 'INSERT'
                THEN jsonb_build_object('~row', "audit".digest_value(OLD)) END;
            v_new := CASE WHEN TG_OP <> 'DELETE'
                THEN jsonb_build_object('~row', "audit".digest_value(NEW)) END;
            v_moves := false;
            v_key := NULL;
            v_tenant := NULL;
            v_tenant := "audit"."stored_tenant"(v_tenant);
            v_personal_old := NULL;
            v_personal_new := NULL;
            v_subject := NULL;
        WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            -- a value that jsonb cannot hold must not abort the user's write
            v_lenient := true;
            v_shape := "audit".capture_shape(
                v_relation, v_key_attnums, v_excluded_attnums, v_personal_attnums, v_tenant_attnum,
                v_subject_attnum
            );
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
REVOKE ALL ON FUNCTION "audit"."tg_capture_42"() FROM PUBLIC;
-- a new partition gets a copy of the trigger, for which its maker needs this
GRANT EXECUTE ON FUNCTION "audit"."tg_capture_42"() TO "the ""owner""";
COMMENT ON FUNCTION "audit"."tg_capture_42"() IS 'Records row changes of audited table 42.';

CREATE OR REPLACE FUNCTION "audit".tg_ddl_watch()
RETURNS event_trigger
LANGUAGE plpgsql
SECURITY DEFINER -- whoever changes a table has no right on the registry
SET search_path = pg_catalog, pg_temp
SET row_security = on
SET standard_conforming_strings = on
SET quote_all_identifiers = off -- fingerprints hold names
AS $fn$
DECLARE
    v_touched oid[];
    v_everywhere boolean;
    v_table "audit".audited_tables;
    v_version "audit".table_versions;
    v_name text;
    v_number integer;
    v_state text;
    v_statement jsonb := jsonb_build_object('command', tg_tag, 'query', left(current_query(), 8000));
BEGIN
    IF tg_event = 'sql_drop' THEN
        SELECT
            array_agg(DISTINCT d.objid) FILTER (WHERE d.classid = 'pg_class'::regclass),
            bool_or(d.classid IN ('pg_trigger'::regclass, 'pg_rewrite'::regclass))
        INTO v_touched, v_everywhere
        FROM pg_event_trigger_dropped_objects() AS d;
    ELSE
        SELECT
            array_agg(DISTINCT d.objid) FILTER (WHERE d.classid = 'pg_class'::regclass),
            bool_or(d.classid IN ('pg_trigger'::regclass, 'pg_rewrite'::regclass, 'pg_namespace'::regclass))
        INTO v_touched, v_everywhere
        FROM pg_event_trigger_ddl_commands() AS d;
    END IF;
    IF v_touched IS NULL AND v_everywhere IS NOT TRUE THEN
        RETURN;
    END IF;
    IF NOT (SELECT q.is_called FROM "audit".event_id_seq AS q) THEN
        RETURN; -- the log is being restored (pg_restore --data-only): numbers from here would be taken twice
    END IF;
    FOR v_table IN
        WITH RECURSIVE above_audited AS (
            SELECT t.table_id, t.relation::oid AS relation
            FROM "audit".audited_tables AS t
            WHERE t.enabled
            UNION
            SELECT u.table_id, i.inhparent
            FROM above_audited AS u
            INNER JOIN pg_inherits AS i ON i.inhrelid = u.relation
        ),

        above_touched AS (
            SELECT unnest(v_touched) AS relation
            UNION
            SELECT i.inhparent
            FROM above_touched AS u
            INNER JOIN pg_inherits AS i ON i.inhrelid = u.relation
        )

        SELECT t.*
        FROM "audit".audited_tables AS t
        WHERE t.enabled AND (
            v_everywhere
            OR t.table_id IN (SELECT u.table_id FROM above_audited AS u WHERE u.relation = ANY (v_touched))
            OR t.relation IN (SELECT u.relation FROM above_touched AS u)
        )
        ORDER BY t.table_id
    LOOP
        SELECT * INTO v_version
        FROM "audit".table_versions AS v
        WHERE v.table_id = v_table.table_id AND v.table_version = v_table.table_version;
        SELECT format('%I.%I', n.nspname, c.relname) INTO v_name
        FROM pg_class AS c
        INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = v_table.relation;
        IF NOT FOUND THEN
            UPDATE "audit".audited_tables AS t
            SET enabled = false, relation = 0 -- in a restored copy its number may be another table's
            WHERE t.table_id = v_table.table_id;
            PERFORM "audit".record_control('table-dropped', v_statement || jsonb_build_object(
                'table', format('%I.%I', v_version.schema_name, v_version.table_name)
            ), v_table.table_id);
            CONTINUE;
        END IF;
        IF v_table.fingerprint <> "audit".column_fingerprint(v_table.relation)
            OR v_name <> format('%I.%I', v_version.schema_name, v_version.table_name)
        THEN
            UPDATE "audit".audited_tables AS t
            SET key_attnums = "audit".current_attnums(t.relation, t.key_attnums, c.numbers, c.highest),
                excluded_attnums = "audit".current_attnums(t.relation, t.excluded_attnums, c.numbers, c.highest),
                personal_attnums = "audit".current_attnums(t.relation, t.personal_attnums, c.numbers, c.highest),
                tenant_attnum = (
                    "audit".current_attnums(t.relation, ARRAY[t.tenant_attnum], c.numbers, c.highest)
                )[1],
                subject_attnum = (
                    "audit".current_attnums(t.relation, ARRAY[t.subject_attnum], c.numbers, c.highest)
                )[1]
            FROM (
                SELECT jsonb_object_agg(j.value ->> 'name', j.value -> 'attnum') AS numbers,
                    max((j.value ->> 'attnum')::smallint) AS highest
                FROM jsonb_array_elements(v_version.columns) AS j
            ) AS c
            WHERE t.table_id = v_table.table_id;
            -- The registry first: CREATE FUNCTION fires this trigger again, which must find nothing to do.
            v_number := "audit".record_table_version(v_table.table_id);
            UPDATE "audit".audited_tables AS t SET specialised = false WHERE t.table_id = v_table.table_id;
            PERFORM "audit".use_generic_capture(v_table.table_id, v_number);
            PERFORM "audit".record_control('table-changed', v_statement || (
                SELECT jsonb_build_object(
                    'table', v_name, 'columns', v.columns, 'key', v.key_columns,
                    'table_before', format('%I.%I', v_version.schema_name, v_version.table_name)
                )
                FROM "audit".table_versions AS v
                WHERE v.table_id = v_table.table_id AND v.table_version = v_number
            ), v_table.table_id);
        END IF;
        v_state := "audit".trigger_state(v_table.relation);
        IF v_state <> v_table.trigger_state THEN
            UPDATE "audit".audited_tables AS t SET trigger_state = v_state WHERE t.table_id = v_table.table_id;
            PERFORM "audit".record_control('triggers-changed', v_statement || jsonb_build_object(
                'table', v_name, 'before', v_table.trigger_state, 'after', v_state
            ), v_table.table_id);
        END IF;
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".tg_ddl_watch() FROM PUBLIC;
COMMENT ON FUNCTION "audit".tg_ddl_watch() IS 'Event trigger: keeps capture fit for changed tables and records what was done to them.';

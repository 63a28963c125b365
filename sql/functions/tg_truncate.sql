-- object:   function audit.tg_truncate()
-- requires: functions/append_event.sql, tables/maintenance_permits.sql
-- purpose:  one event for each table that a TRUNCATE names; its argument is the table_id
-- Truncating a partitioned table fires the triggers of its partitions too. All BEFORE triggers of a statement
-- fire before all AFTER ones, so the parent's BEFORE trigger marks its partitions, and the AFTER trigger of
-- each takes its mark away instead of recording.
-- A scan of the marks would let transactions at SERIALIZABLE fail. So each mark is looked up by its place,
-- which a setting remembers: whoever forges that finds no mark, and has recorded more, not less.
CREATE OR REPLACE FUNCTION {{ audit }}.tg_truncate()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
AS $fn$
DECLARE
    v_table {{ audit }}.audited_tables;
    v_places text;
    v_place text;
    c_places CONSTANT text := format('pgaudit_kit.truncate_marks_%s', {{ schema_literal }}::regnamespace::oid);
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN -- owners of partitioned tables may execute this
        RAISE EXCEPTION 'trigger % on % calls a function that is for TRUNCATE alone', TG_NAME, TG_RELID::regclass
            USING ERRCODE = 'insufficient_privilege', HINT = 'Drop the trigger.';
    END IF;
    SELECT * INTO v_table
    FROM {{ audit }}.audited_tables AS t
    WHERE t.table_id = TG_ARGV[0]::integer AND t.enabled AND (
        t.relation = TG_RELID OR t.relation IN (SELECT a.relid FROM pg_partition_ancestors(TG_RELID) AS a)
    );
    IF NOT FOUND THEN
        RETURN NULL; -- on a partition that was detached, or on somebody's own table, also one above an audited table
    END IF;
    v_places := coalesce(current_setting(c_places, true), '');
    IF TG_WHEN = 'BEFORE' THEN
        WITH marks AS (
            INSERT INTO {{ audit }}.truncate_marks AS m (transaction_id, relation)
            SELECT txid_current(), p.relid
            FROM pg_partition_tree(TG_RELID) AS p
            INNER JOIN pg_trigger AS g ON g.tgrelid = p.relid AND g.tgfoid = {{ truncate_function }}::regproc
            WHERE p.relid <> TG_RELID AND g.tgenabled = 'A' AND g.tgtype & 2 = 0 -- not the BEFORE trigger
            ON CONFLICT DO NOTHING
            RETURNING m.relation, m.ctid
        )

        SELECT string_agg(format(' %s=%s;', m.relation, m.ctid), '') INTO v_place FROM marks AS m;
        IF v_place IS NOT NULL THEN
            PERFORM set_config(c_places, v_place || left(v_places, 100000), true);
        END IF;
        RETURN NULL;
    END IF;
    IF strpos(v_places, format(' %s=', TG_RELID)) > 0 THEN
        v_place := split_part(split_part(v_places, format(' %s=', TG_RELID), 2), ';', 1);
        DELETE FROM {{ audit }}.truncate_marks AS m
        WHERE m.ctid = (CASE WHEN v_place ~ '^\(\d{1,9},\d{1,4}\)$' THEN v_place ELSE '(0,0)' END)::tid
            AND m.transaction_id = txid_current() AND m.relation = TG_RELID;
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM {{ audit }}.append_event(
        v_table.table_id, v_table.table_version, 'T',
        {{ audit }}.stored_tenant(CASE v_table.declaration #>> '{tenant,kind}'
            WHEN 'value' THEN v_table.declaration #>> '{tenant,name}'
            WHEN 'setting' THEN coalesce(
                nullif(current_setting(v_table.declaration #>> '{tenant,name}', true), ''),
                {{ audit }}.read_context() ->> 'tenant_id'
            )
        END),
        NULL, NULL,
        CASE WHEN TG_RELID <> v_table.relation
            THEN jsonb_build_object('partition', format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME)) END
    );
    RETURN NULL;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.tg_truncate() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.tg_truncate() IS 'Records a TRUNCATE of an audited table.';

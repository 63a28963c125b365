CREATE OR REPLACE FUNCTION "audit".follow_triggers(p_table "audit".audited_tables, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_state text := "audit".trigger_state(p_table.relation);
BEGIN
    IF v_state <> p_table.trigger_state THEN
        UPDATE "audit".audited_tables AS t SET trigger_state = v_state WHERE t.table_id = p_table.table_id;
        PERFORM "audit".record_control('triggers-changed', p_statement || jsonb_build_object(
            'table', p_table.relation::text, 'before', p_table.trigger_state, 'after', v_state
        ), p_table.table_id);
    END IF;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".follow_triggers("audit".audited_tables, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION "audit".follow_triggers("audit".audited_tables, jsonb) IS 'Records how the kit''s triggers on a table stand, where that changed.';

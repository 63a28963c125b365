CREATE OR REPLACE FUNCTION "audit".record_control(
    p_kind text,
    p_detail jsonb,
    p_table_id integer DEFAULT NULL,
    p_tenant_id text DEFAULT '_system'
)
RETURNS bigint
LANGUAGE sql
SECURITY DEFINER -- callers have no right on the log
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT "audit".append_event(
        p_table_id,
        (SELECT t.table_version FROM "audit".audited_tables AS t WHERE t.table_id = p_table_id),
        'C', p_tenant_id, NULL, NULL, jsonb_build_object('kind', p_kind) || p_detail
    )
$fn$;
REVOKE ALL ON FUNCTION "audit".record_control(text, jsonb, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION "audit".record_control(text, jsonb, integer, text) IS 'Appends a control event; returns its event_id.';

CREATE OR REPLACE FUNCTION "audit".tg_truncate()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
AS $fn$
DECLARE
    v_table "audit".audited_tables;
    v_relation text := format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME);
BEGIN
    DELETE FROM "audit".truncate_marks AS m
    WHERE m.transaction_id = txid_current() AND m.relation = TG_RELID;
    IF FOUND OR TG_WHEN = 'BEFORE' THEN
        RETURN NULL;
    END IF;
    SELECT * INTO v_table FROM "audit".audited_tables AS t WHERE t.table_id = TG_ARGV[0]::integer;
    PERFORM "audit".append_event(
        v_table.table_id, v_table.table_version, 'T',
        "audit".stored_tenant(CASE v_table.declaration #>> '{tenant,kind}'
            WHEN 'value' THEN v_table.declaration #>> '{tenant,name}'
            WHEN 'setting' THEN coalesce(
                nullif(current_setting(v_table.declaration #>> '{tenant,name}', true), ''),
                "audit".read_context() ->> 'tenant_id'
            )
        END),
        NULL, NULL,
        CASE WHEN TG_RELID <> v_table.relation THEN jsonb_build_object('partition', v_relation) END
    );
    INSERT INTO "audit".truncate_marks (transaction_id, relation)
    SELECT txid_current(), p.relid
    FROM pg_partition_tree(TG_RELID) AS p
    INNER JOIN pg_trigger AS g ON g.tgrelid = p.relid AND g.tgfoid = '"audit"."tg_truncate"'::regproc
    WHERE p.relid <> TG_RELID AND g.tgenabled = 'A' AND g.tgtype & 2 = 0; -- not the BEFORE trigger
    RETURN NULL;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".tg_truncate() FROM PUBLIC;
COMMENT ON FUNCTION "audit".tg_truncate() IS 'Records a TRUNCATE of an audited table.';

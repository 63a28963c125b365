CREATE OR REPLACE FUNCTION "audit".tg_append_only()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- whoever is refused may not read the permits
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
AS $fn$
BEGIN
    IF EXISTS (
        SELECT FROM "audit".maintenance_permits AS p WHERE p.transaction_id = txid_current()
    ) THEN
        IF TG_OP = 'UPDATE' THEN
            RETURN NEW;
        END IF;
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation',
        DETAIL = 'The audit log is never changed; the hash chain would show it.',
        HINT = 'Retention, archive and erasure have commands of their own in pgaudit-kit.';
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".tg_append_only() FROM PUBLIC;
COMMENT ON FUNCTION "audit".tg_append_only() IS 'Refuses UPDATE, DELETE and TRUNCATE on the log.';

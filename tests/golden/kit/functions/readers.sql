CREATE OR REPLACE FUNCTION "audit".grant_tenant(p_role name, p_tenant_id text, p_via text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF p_tenant_id = '_system' THEN
        RAISE EXCEPTION '_system is the kit''s own log' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Make the role an auditor.';
    END IF;
    INSERT INTO "audit".tenant_readers (role, tenant_id, via) VALUES (p_role, p_tenant_id, p_via)
    ON CONFLICT ON CONSTRAINT tenant_readers_role_tenant_id_via_pk DO NOTHING;
    RETURN FOUND;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".revoke_tenant(p_role name, p_tenant_id text, p_via text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    DELETE FROM "audit".tenant_readers AS r
    WHERE r.role = p_role AND r.tenant_id = p_tenant_id AND r.via = p_via;
    RETURN FOUND;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".tg_reader_change()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- whoever may change the readers has no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
BEGIN
    IF NOT (SELECT q.is_called FROM "audit".event_id_seq AS q) THEN
        RETURN NULL; -- the log is being restored (pg_restore --data-only): numbers from here would be taken twice
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM "audit".record_control('readers-truncated', '{}');
        RETURN NULL;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        PERFORM "audit".record_control('tenant-revoked', jsonb_build_object(
            'reader', OLD.role, 'tenant', OLD.tenant_id, 'via', OLD.via
        ));
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN
        PERFORM "audit".record_control('tenant-granted', jsonb_build_object(
            'reader', NEW.role, 'tenant', NEW.tenant_id, 'via', NEW.via
        ));
    END IF;
    RETURN NULL;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".grant_tenant(name, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".revoke_tenant(name, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".tg_reader_change() FROM PUBLIC;
COMMENT ON FUNCTION "audit".grant_tenant(name, text, text) IS 'Lets a role read a tenant''s log; false where it could.';
COMMENT ON FUNCTION "audit".revoke_tenant(name, text, text) IS 'Takes a tenant''s log from a role again; false where it was not granted.';
COMMENT ON FUNCTION "audit".tg_reader_change() IS 'Records who may read whose log.';

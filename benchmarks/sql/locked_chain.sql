-- A hash chain as tutorials build it: the trigger locks the tenant's head, hashes the row's images together
-- with the hash before, and moves the head. Every writer of a tenant waits for the one before to commit.
CREATE SCHEMA chain;
CREATE TABLE chain.heads (tenant_id text PRIMARY KEY, hash bytea NOT NULL) WITH (fillfactor = 50);
CREATE TABLE chain.log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL,
    tenant_id text NOT NULL,
    table_name text NOT NULL,
    operation text NOT NULL,
    old_row jsonb,
    new_row jsonb,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX log_tenant_id_id_idx ON chain.log (tenant_id, id);
CREATE FUNCTION chain.tg_append()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_old jsonb;
    v_new jsonb;
    v_tenant text;
    v_now timestamptz := clock_timestamp();
    v_prev bytea;
    v_hash bytea;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        v_old := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        v_new := to_jsonb(NEW);
    END IF;
    v_tenant := coalesce(coalesce(v_new, v_old) ->> 'tenant_id', 'default');
    SELECT h.hash INTO v_prev FROM chain.heads AS h WHERE h.tenant_id = v_tenant FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO chain.heads VALUES (v_tenant, '\x00') ON CONFLICT DO NOTHING;
        SELECT h.hash INTO v_prev FROM chain.heads AS h WHERE h.tenant_id = v_tenant FOR UPDATE;
    END IF;
    v_hash := sha256(v_prev || convert_to(
        jsonb_build_array(v_now, v_tenant, TG_TABLE_NAME, TG_OP, v_old, v_new)::text, 'UTF8'
    ));
    INSERT INTO chain.log (changed_at, tenant_id, table_name, operation, old_row, new_row, prev_hash, hash)
    VALUES (v_now, v_tenant, TG_TABLE_NAME, TG_OP, v_old, v_new, v_prev, v_hash);
    UPDATE chain.heads AS h SET hash = v_hash WHERE h.tenant_id = v_tenant;
    RETURN NULL;
END;
$fn$;

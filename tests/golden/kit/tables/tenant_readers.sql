-- object:   table audit.tenant_readers
-- requires: schema/audit.sql
-- purpose:  which role may read which tenant's log
CREATE TABLE "audit".tenant_readers (
    role name NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    CONSTRAINT tenant_readers_role_tenant_id_pk PRIMARY KEY (role, tenant_id)
);
COMMENT ON TABLE "audit".tenant_readers IS 'Who may read the log of which tenant.';
COMMENT ON COLUMN "audit".tenant_readers.role IS 'The role; its members read too.';
COMMENT ON COLUMN "audit".tenant_readers.tenant_id IS 'The tenant.';

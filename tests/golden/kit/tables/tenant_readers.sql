-- object:   table audit.tenant_readers
-- requires: schema/audit.sql
-- purpose:  which role may read which tenant's log
CREATE TABLE "audit".tenant_readers (
    role name NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    via text COLLATE "C" NOT NULL DEFAULT 'membership',
    CONSTRAINT tenant_readers_role_tenant_id_via_pk PRIMARY KEY (role, tenant_id, via),
    CONSTRAINT tenant_readers_via_ck CHECK (via = 'membership' OR (via = 'setting' AND tenant_id = '*'))
);
COMMENT ON TABLE "audit".tenant_readers IS 'Who may read the log of which tenant.';
COMMENT ON COLUMN "audit".tenant_readers.role IS 'The role; its members read too.';
COMMENT ON COLUMN "audit".tenant_readers.tenant_id IS 'The tenant; * where via is setting.';
COMMENT ON COLUMN "audit".tenant_readers.via IS 'membership: of this tenant; setting: of the one that pgaudit_kit.tenant_id names.';

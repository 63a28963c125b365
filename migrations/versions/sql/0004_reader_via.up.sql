-- Frozen: how a reader's tenant is known. Never change it; add a migration.
ALTER TABLE {{ audit }}.tenant_readers ADD COLUMN via text COLLATE "C" NOT NULL DEFAULT 'membership';
ALTER TABLE {{ audit }}.tenant_readers DROP CONSTRAINT tenant_readers_role_tenant_id_pk;
ALTER TABLE {{ audit }}.tenant_readers
ADD CONSTRAINT tenant_readers_role_tenant_id_via_pk PRIMARY KEY (role, tenant_id, via);
ALTER TABLE {{ audit }}.tenant_readers
ADD CONSTRAINT tenant_readers_via_ck CHECK (via = 'membership' OR (via = 'setting' AND tenant_id = '*'));
COMMENT ON COLUMN {{ audit }}.tenant_readers.tenant_id IS 'The tenant; * where via is setting.';
COMMENT ON COLUMN {{ audit }}.tenant_readers.via IS 'membership: of this tenant; setting: of the one that pgaudit_kit.tenant_id names.';

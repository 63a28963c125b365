-- Frozen: takes away what 0004_reader_via.up.sql made.
DELETE FROM {{ audit }}.tenant_readers AS r WHERE r.via <> 'membership';
ALTER TABLE {{ audit }}.tenant_readers DROP CONSTRAINT tenant_readers_via_ck;
ALTER TABLE {{ audit }}.tenant_readers DROP CONSTRAINT tenant_readers_role_tenant_id_via_pk;
ALTER TABLE {{ audit }}.tenant_readers DROP COLUMN via;
ALTER TABLE {{ audit }}.tenant_readers
ADD CONSTRAINT tenant_readers_role_tenant_id_pk PRIMARY KEY (role, tenant_id);

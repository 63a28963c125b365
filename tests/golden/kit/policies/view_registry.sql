DROP POLICY IF EXISTS audited_tables_select_view ON "audit".audited_tables;
CREATE POLICY audited_tables_select_view ON "audit".audited_tables FOR SELECT TO "pgaudit_kit_view" USING (true);
DROP POLICY IF EXISTS table_versions_select_view ON "audit".table_versions;
CREATE POLICY table_versions_select_view ON "audit".table_versions FOR SELECT TO "pgaudit_kit_view" USING (true);
DROP POLICY IF EXISTS tenant_readers_select_view ON "audit".tenant_readers;
CREATE POLICY tenant_readers_select_view ON "audit".tenant_readers FOR SELECT TO "pgaudit_kit_view" USING (true);
DROP POLICY IF EXISTS checkpoints_select_view ON "audit".checkpoints;
CREATE POLICY checkpoints_select_view ON "audit".checkpoints FOR SELECT TO "pgaudit_kit_view" USING (true);

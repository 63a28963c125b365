DROP POLICY IF EXISTS audited_tables_all_owner ON "audit".audited_tables;
CREATE POLICY audited_tables_all_owner ON "audit".audited_tables
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS blocks_all_owner ON "audit".blocks;
CREATE POLICY blocks_all_owner ON "audit".blocks
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS chain_heads_all_owner ON "audit".chain_heads;
CREATE POLICY chain_heads_all_owner ON "audit".chain_heads
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS change_events_all_owner ON "audit".change_events;
CREATE POLICY change_events_all_owner ON "audit".change_events
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS descendants_all_owner ON "audit".descendants;
CREATE POLICY descendants_all_owner ON "audit".descendants
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS maintenance_permits_all_owner ON "audit".maintenance_permits;
CREATE POLICY maintenance_permits_all_owner ON "audit".maintenance_permits
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS personal_keys_all_owner ON "audit".personal_keys;
CREATE POLICY personal_keys_all_owner ON "audit".personal_keys
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS personal_values_all_owner ON "audit".personal_values;
CREATE POLICY personal_values_all_owner ON "audit".personal_values
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS row_tenants_all_owner ON "audit".row_tenants;
CREATE POLICY row_tenants_all_owner ON "audit".row_tenants
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS seal_horizon_all_owner ON "audit".seal_horizon;
CREATE POLICY seal_horizon_all_owner ON "audit".seal_horizon
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS seal_lock_all_owner ON "audit".seal_lock;
CREATE POLICY seal_lock_all_owner ON "audit".seal_lock
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS seal_state_all_owner ON "audit".seal_state;
CREATE POLICY seal_state_all_owner ON "audit".seal_state
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS settings_all_owner ON "audit".settings;
CREATE POLICY settings_all_owner ON "audit".settings
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS table_versions_all_owner ON "audit".table_versions;
CREATE POLICY table_versions_all_owner ON "audit".table_versions
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS tenant_readers_all_owner ON "audit".tenant_readers;
CREATE POLICY tenant_readers_all_owner ON "audit".tenant_readers
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS truncate_marks_all_owner ON "audit".truncate_marks;
CREATE POLICY truncate_marks_all_owner ON "audit".truncate_marks
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS checkpoints_all_owner ON "audit".checkpoints;
CREATE POLICY checkpoints_all_owner ON "audit".checkpoints
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS log_tiles_all_owner ON "audit".log_tiles;
CREATE POLICY log_tiles_all_owner ON "audit".log_tiles
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS config_seen_all_owner ON "audit".config_seen;
CREATE POLICY config_seen_all_owner ON "audit".config_seen
FOR ALL TO "pgaudit_kit_owner" USING (true) WITH CHECK (true);

-- Frozen: takes away what 0001_initial.up.sql made, and with it all that was recorded.
DROP TABLE {{ audit }}.truncate_marks, {{ audit }}.maintenance_permits, {{ audit }}.tenant_readers,
{{ audit }}.seal_horizon, {{ audit }}.seal_state, {{ audit }}.seal_lock, {{ audit }}.chain_heads,
{{ audit }}.blocks, {{ audit }}.personal_keys, {{ audit }}.personal_values, {{ audit }}.change_events,
{{ audit }}.table_versions, {{ audit }}.descendants, {{ audit }}.audited_tables, {{ audit }}.settings;
DROP TYPE {{ audit }}.seal_v1, {{ audit }}.incarnation_v1, {{ audit }}.block_v1, {{ audit }}.event_v1;

-- Frozen: takes away what 0005_config_seen.up.sql made.
DROP TABLE {{ audit }}.config_seen;

-- Frozen: takes away what 0002_signed_log.up.sql made.
DROP TABLE {{ audit }}.log_tiles, {{ audit }}.checkpoints;

-- Frozen: takes away what 0003_row_tenants.up.sql made.
DROP TABLE {{ audit }}.row_tenants;

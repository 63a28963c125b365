-- object:   table audit.row_tenants
-- requires: tables/audited_tables.sql
-- purpose:  whose each row is of a table by which other tables find their tenant, also after it is deleted
-- The newest note of a row counts. Nothing is updated or unique here, so no writer waits and none is told to retry.
CREATE TABLE {{ audit }}.row_tenants (
    note_id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    table_id integer NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    CONSTRAINT row_tenants_table_id_record_key_note_id_pk PRIMARY KEY (table_id, record_key, note_id)
);
COMMENT ON TABLE {{ audit }}.row_tenants IS 'Whose the rows are of tables by which others find their tenant.';
COMMENT ON COLUMN {{ audit }}.row_tenants.note_id IS 'Order of the notes of a row; the last one counts.';
COMMENT ON COLUMN {{ audit }}.row_tenants.table_id IS 'The table, see audited_tables.';
COMMENT ON COLUMN {{ audit }}.row_tenants.record_key IS 'Key of the row, as its events have it.';
COMMENT ON COLUMN {{ audit }}.row_tenants.tenant_id IS 'Its tenant, as its events have it.';

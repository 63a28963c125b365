-- object:   table audit.table_versions
-- requires: tables/audited_tables.sql
-- purpose:  what a table looked like when an event was recorded
CREATE TABLE "audit".table_versions (
    table_id integer NOT NULL,
    table_version integer NOT NULL,
    schema_name text COLLATE "C" NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    columns jsonb NOT NULL,
    key_columns text[] NOT NULL,
    fingerprint text NOT NULL,
    recorded_at timestamptz NOT NULL,
    bulk boolean NOT NULL,
    CONSTRAINT table_versions_table_id_table_version_pk PRIMARY KEY (table_id, table_version),
    CONSTRAINT table_versions_table_id_fk FOREIGN KEY (table_id)
    REFERENCES "audit".audited_tables (table_id)
);
COMMENT ON TABLE "audit".table_versions IS 'Definitions of audited tables over time; events name them by table_id and table_version.';
COMMENT ON COLUMN "audit".table_versions.table_id IS 'The table, see audited_tables.';
COMMENT ON COLUMN "audit".table_versions.table_version IS '1, 2, 3, … for each table.';
COMMENT ON COLUMN "audit".table_versions.schema_name IS 'Its schema then.';
COMMENT ON COLUMN "audit".table_versions.table_name IS 'Its name then.';
COMMENT ON COLUMN "audit".table_versions.columns IS 'Its columns then: attnum, name, type, and how each is recorded.';
COMMENT ON COLUMN "audit".table_versions.key_columns IS 'Columns of the record key, in key order.';
COMMENT ON COLUMN "audit".table_versions.fingerprint IS 'Column fingerprint of that definition.';
COMMENT ON COLUMN "audit".table_versions.recorded_at IS 'When the version was recorded.';
COMMENT ON COLUMN "audit".table_versions.bulk IS 'Whether INSERT and DELETE were recorded by statement, which knows no row_xmin.';

-- object:   table audit.audited_tables
-- requires: schema/audit.sql
-- purpose:  the registry: which tables are audited and how; columns by attnum, so that a rename changes nothing
CREATE TABLE "audit".audited_tables (
    table_id integer NOT NULL,
    relation regclass NOT NULL,
    enabled boolean NOT NULL,
    table_version integer NOT NULL,
    declaration jsonb NOT NULL,
    key_attnums smallint[] NOT NULL,
    excluded_attnums smallint[] NOT NULL,
    personal_attnums smallint[] NOT NULL,
    tenant_attnum smallint,
    subject_attnum smallint,
    specialised boolean NOT NULL,
    fingerprint text NOT NULL,
    trigger_state text NOT NULL DEFAULT '',
    CONSTRAINT audited_tables_table_id_pk PRIMARY KEY (table_id)
);
CREATE UNIQUE INDEX audited_tables_relation_uq ON "audit".audited_tables (relation) WHERE enabled;
COMMENT ON TABLE "audit".audited_tables IS 'Registry of audited tables, one row per table that is or was audited.';
COMMENT ON COLUMN "audit".audited_tables.table_id IS 'Number of the table in this log; never reused.';
COMMENT ON COLUMN "audit".audited_tables.relation IS 'The table; 0 once it is dropped.';
COMMENT ON COLUMN "audit".audited_tables.enabled IS 'Whether it is audited now.';
COMMENT ON COLUMN "audit".audited_tables.table_version IS 'Newest row of table_versions for it.';
COMMENT ON COLUMN "audit".audited_tables.declaration IS 'What was declared, with column names: tenant, exclude, personal, subject, operations, key, bulk.';
COMMENT ON COLUMN "audit".audited_tables.key_attnums IS 'Columns of the record key, in key order.';
COMMENT ON COLUMN "audit".audited_tables.excluded_attnums IS 'Columns that are not recorded.';
COMMENT ON COLUMN "audit".audited_tables.personal_attnums IS 'Columns whose values go to personal_values.';
COMMENT ON COLUMN "audit".audited_tables.tenant_attnum IS 'Column that names the tenant, where a column does.';
COMMENT ON COLUMN "audit".audited_tables.subject_attnum IS 'Column that names the data subject.';
COMMENT ON COLUMN "audit".audited_tables.specialised IS 'False while the generic capture function stands in after a change of definition.';
COMMENT ON COLUMN "audit".audited_tables.fingerprint IS 'Column fingerprint that the capture function was made for.';
COMMENT ON COLUMN "audit".audited_tables.trigger_state IS 'Triggers of the kit on the table and how they are enabled, as last seen.';

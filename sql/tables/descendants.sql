-- object:   table audit.descendants
-- requires: tables/audited_tables.sql
-- purpose:  partitions and inheritance children of audited tables as last seen, so that what comes and goes is noticed
CREATE TABLE {{ audit }}.descendants (
    table_id integer NOT NULL,
    relation regclass NOT NULL,
    parent regclass NOT NULL,
    schema_name text COLLATE "C" NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    is_partition boolean NOT NULL,
    is_gone boolean NOT NULL DEFAULT false,
    baseline_due boolean NOT NULL DEFAULT false,
    is_offered boolean NOT NULL DEFAULT false,
    noted_in bigint NOT NULL,
    CONSTRAINT descendants_table_id_relation_pk PRIMARY KEY (table_id, relation),
    CONSTRAINT descendants_table_id_fk FOREIGN KEY (table_id)
    REFERENCES {{ audit }}.audited_tables (table_id)
);
COMMENT ON TABLE {{ audit }}.descendants IS 'Partitions and inheritance children of audited tables, at every level, as last seen.';
COMMENT ON COLUMN {{ audit }}.descendants.table_id IS 'The audited table that they are below.';
COMMENT ON COLUMN {{ audit }}.descendants.relation IS 'The partition or child.';
COMMENT ON COLUMN {{ audit }}.descendants.parent IS 'The table directly above it.';
COMMENT ON COLUMN {{ audit }}.descendants.schema_name IS 'Its schema when it was first seen.';
COMMENT ON COLUMN {{ audit }}.descendants.table_name IS 'Its name when it was first seen.';
COMMENT ON COLUMN {{ audit }}.descendants.is_partition IS 'Whether it is a partition; otherwise an inheritance child.';
COMMENT ON COLUMN {{ audit }}.descendants.is_gone IS 'Whether the transaction noted_in detached it.';
COMMENT ON COLUMN {{ audit }}.descendants.baseline_due IS 'Whether rows came along that are in no event yet.';
COMMENT ON COLUMN {{ audit }}.descendants.is_offered IS 'Whether the transaction noted_in was asked to lend what triggers and baseline take.';
COMMENT ON COLUMN {{ audit }}.descendants.noted_in IS 'The transaction that noticed that it came or went.';

-- Frozen: the kit's tables as they were first released. Never change it; add a migration.
CREATE TYPE {{ audit }}.event_v1 AS (
    v integer,
    event_id bigint,
    occurred_at text,
    transaction_id bigint,
    tenant_id text,
    table_id integer,
    table_version integer,
    operation text,
    record_key text,
    actor_id text,
    action text,
    context jsonb,
    old_values jsonb,
    new_values jsonb,
    personal_commitment text,
    row_xmin bigint
);
CREATE TYPE {{ audit }}.block_v1 AS (
    v integer,
    log_index bigint,
    tenant text,
    block_number bigint,
    prev_hash text,
    event_count integer,
    first_event_id bigint,
    last_event_id bigint,
    merkle_root text,
    sealed_at text
);
CREATE TYPE {{ audit }}.incarnation_v1 AS (
    system_identifier bigint,
    timeline integer,
    database_oid bigint,
    event_id_boundary bigint
);
CREATE TYPE {{ audit }}.seal_v1 AS (
    v integer,
    log_index bigint,
    tenant text,
    block_number bigint,
    prev_hash text,
    event_count integer,
    first_event_id bigint,
    last_event_id bigint,
    merkle_root text,
    sealed_at text,
    snapshot text,
    incarnation {{ audit }}.incarnation_v1,
    fingerprint text
);
REVOKE ALL ON TYPE {{ audit }}.event_v1 FROM PUBLIC;
REVOKE ALL ON TYPE {{ audit }}.block_v1 FROM PUBLIC;
REVOKE ALL ON TYPE {{ audit }}.incarnation_v1 FROM PUBLIC;
REVOKE ALL ON TYPE {{ audit }}.seal_v1 FROM PUBLIC;
COMMENT ON TYPE {{ audit }}.event_v1 IS 'Event line, version 1.';
COMMENT ON TYPE {{ audit }}.block_v1 IS 'Block header, version 1.';
COMMENT ON TYPE {{ audit }}.incarnation_v1 IS 'Which cluster and database sealed, version 1.';
COMMENT ON TYPE {{ audit }}.seal_v1 IS 'Header of the block that ends a seal, version 1.';
CREATE TABLE {{ audit }}.settings (
    name text COLLATE "C" NOT NULL,
    value jsonb NOT NULL,
    CONSTRAINT settings_name_pk PRIMARY KEY (name)
);
COMMENT ON TABLE {{ audit }}.settings IS 'Settings of this installation that are not about one table.';
COMMENT ON COLUMN {{ audit }}.settings.name IS 'Name of the setting: partitions, personal_context, actions.';
COMMENT ON COLUMN {{ audit }}.settings.value IS 'Its value as declared in pgaudit.toml.';
CREATE TABLE {{ audit }}.audited_tables (
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
CREATE UNIQUE INDEX audited_tables_relation_uq ON {{ audit }}.audited_tables (relation) WHERE enabled;
COMMENT ON TABLE {{ audit }}.audited_tables IS 'Registry of audited tables, one row per table that is or was audited.';
COMMENT ON COLUMN {{ audit }}.audited_tables.table_id IS 'Number of the table in this log; never reused.';
COMMENT ON COLUMN {{ audit }}.audited_tables.relation IS 'The table; 0 once it is dropped.';
COMMENT ON COLUMN {{ audit }}.audited_tables.enabled IS 'Whether it is audited now.';
COMMENT ON COLUMN {{ audit }}.audited_tables.table_version IS 'Newest row of table_versions for it.';
COMMENT ON COLUMN {{ audit }}.audited_tables.declaration IS 'What was declared, with column names: tenant, exclude, personal, subject, operations, key, bulk.';
COMMENT ON COLUMN {{ audit }}.audited_tables.key_attnums IS 'Columns of the record key, in key order.';
COMMENT ON COLUMN {{ audit }}.audited_tables.excluded_attnums IS 'Columns that are not recorded.';
COMMENT ON COLUMN {{ audit }}.audited_tables.personal_attnums IS 'Columns whose values go to personal_values.';
COMMENT ON COLUMN {{ audit }}.audited_tables.tenant_attnum IS 'Column that names the tenant, where a column does.';
COMMENT ON COLUMN {{ audit }}.audited_tables.subject_attnum IS 'Column that names the data subject.';
COMMENT ON COLUMN {{ audit }}.audited_tables.specialised IS 'False while the generic capture function stands in after a change of definition.';
COMMENT ON COLUMN {{ audit }}.audited_tables.fingerprint IS 'Column fingerprint that the capture function was made for.';
COMMENT ON COLUMN {{ audit }}.audited_tables.trigger_state IS 'Triggers of the kit on the table and how they are enabled, as last seen.';
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
CREATE TABLE {{ audit }}.table_versions (
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
    REFERENCES {{ audit }}.audited_tables (table_id)
);
COMMENT ON TABLE {{ audit }}.table_versions IS 'Definitions of audited tables over time; events name them by table_id and table_version.';
COMMENT ON COLUMN {{ audit }}.table_versions.table_id IS 'The table, see audited_tables.';
COMMENT ON COLUMN {{ audit }}.table_versions.table_version IS '1, 2, 3, … for each table.';
COMMENT ON COLUMN {{ audit }}.table_versions.schema_name IS 'Its schema then.';
COMMENT ON COLUMN {{ audit }}.table_versions.table_name IS 'Its name then.';
COMMENT ON COLUMN {{ audit }}.table_versions.columns IS 'Its columns then: attnum, name, type, and how each is recorded.';
COMMENT ON COLUMN {{ audit }}.table_versions.key_columns IS 'Columns of the record key, in key order.';
COMMENT ON COLUMN {{ audit }}.table_versions.fingerprint IS 'Column fingerprint of that definition.';
COMMENT ON COLUMN {{ audit }}.table_versions.recorded_at IS 'When the version was recorded.';
COMMENT ON COLUMN {{ audit }}.table_versions.bulk IS 'Whether INSERT and DELETE were recorded by statement, which knows no row_xmin.';
CREATE SEQUENCE {{ audit }}.event_id_seq AS bigint CACHE 1;
CREATE TABLE {{ audit }}.change_events (
    event_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    transaction_id bigint NOT NULL,
    table_id integer,
    table_version integer,
    row_xmin xid,
    operation "char" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    record_key text COLLATE "C",
    actor_id text,
    action text,
    context jsonb,
    old_values jsonb,
    new_values jsonb,
    personal_commitment bytea,
    CONSTRAINT change_events_event_id_occurred_at_pk PRIMARY KEY (event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);
-- The other partitions have bounds; there a check would cost as much as two indexes.
CREATE TABLE {{ audit }}.change_events_default PARTITION OF {{ audit }}.change_events (
    CONSTRAINT change_events_default_occurred_at_ck CHECK (
        occurred_at >= '2000-01-01 00:00:00+00' AND occurred_at < '10000-01-01 00:00:00+00'
    )
) DEFAULT;
ALTER SEQUENCE {{ audit }}.event_id_seq OWNED BY {{ audit }}.change_events.event_id;
CREATE INDEX change_events_tenant_id_event_id_idx ON {{ audit }}.change_events (tenant_id, event_id);
CREATE INDEX change_events_table_id_record_key_event_id_idx
ON {{ audit }}.change_events (table_id, record_key, event_id);
CREATE INDEX change_events_transaction_id_idx ON {{ audit }}.change_events (transaction_id);
COMMENT ON SEQUENCE {{ audit }}.event_id_seq IS 'Numbers of events; gaps are normal.';
COMMENT ON TABLE {{ audit }}.change_events IS 'Append-only log of row changes; read it through the view events.';
COMMENT ON TABLE {{ audit }}.change_events_default IS 'Catches events that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN {{ audit }}.change_events.event_id IS 'Order within the log; from one sequence, gaps are normal.';
COMMENT ON COLUMN {{ audit }}.change_events.occurred_at IS 'Clock at capture.';
COMMENT ON COLUMN {{ audit }}.change_events.transaction_id IS 'xid8 of the top transaction.';
COMMENT ON COLUMN {{ audit }}.change_events.table_id IS 'The table, see audited_tables; NULL for control events about none.';
COMMENT ON COLUMN {{ audit }}.change_events.table_version IS 'Its definition then, see table_versions.';
COMMENT ON COLUMN {{ audit }}.change_events.row_xmin IS 'xmin of the row version that the change made.';
COMMENT ON COLUMN {{ audit }}.change_events.operation IS 'I insert, U update, D delete, T truncate, B baseline, C control.';
COMMENT ON COLUMN {{ audit }}.change_events.tenant_id IS 'Whose log it belongs to; _system for the kit''s own.';
COMMENT ON COLUMN {{ audit }}.change_events.record_key IS 'Key of the row before the change, as text.';
COMMENT ON COLUMN {{ audit }}.change_events.actor_id IS 'Who, as the application said with set_context.';
COMMENT ON COLUMN {{ audit }}.change_events.action IS 'What the user meant, as the application said; never inferred.';
COMMENT ON COLUMN {{ audit }}.change_events.context IS 'Everything else that is known about the circumstances.';
COMMENT ON COLUMN {{ audit }}.change_events.old_values IS 'Update: changed columns before; delete: the whole row.';
COMMENT ON COLUMN {{ audit }}.change_events.new_values IS 'Update: changed columns after; insert: the whole row; control: what happened.';
COMMENT ON COLUMN {{ audit }}.change_events.personal_commitment IS 'SHA-256 of salt and personal values, which stand in personal_values.';
CREATE TABLE {{ audit }}.personal_values (
    event_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    salt bytea NOT NULL,
    old_values jsonb,
    new_values jsonb,
    context jsonb,
    CONSTRAINT personal_values_event_id_occurred_at_pk PRIMARY KEY (event_id, occurred_at),
    CONSTRAINT personal_values_salt_ck CHECK (octet_length(salt) = 32)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE {{ audit }}.personal_values_default PARTITION OF {{ audit }}.personal_values DEFAULT;
CREATE INDEX personal_values_tenant_id_subject_idx ON {{ audit }}.personal_values (tenant_id, subject);
COMMENT ON TABLE {{ audit }}.personal_values IS 'Personal values of events; the event carries a salted commitment to them.';
COMMENT ON TABLE {{ audit }}.personal_values_default IS 'Catches rows that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN {{ audit }}.personal_values.event_id IS 'The event, see change_events.';
COMMENT ON COLUMN {{ audit }}.personal_values.occurred_at IS 'occurred_at of the event.';
COMMENT ON COLUMN {{ audit }}.personal_values.tenant_id IS 'Tenant of the event.';
COMMENT ON COLUMN {{ audit }}.personal_values.subject IS 'Whose data it is.';
COMMENT ON COLUMN {{ audit }}.personal_values.salt IS '32 random bytes; the commitment is SHA-256(salt || [old,new,context]).';
COMMENT ON COLUMN {{ audit }}.personal_values.old_values IS 'Personal columns before.';
COMMENT ON COLUMN {{ audit }}.personal_values.new_values IS 'Personal columns after.';
COMMENT ON COLUMN {{ audit }}.personal_values.context IS 'Personal fields of the context.';
CREATE TABLE {{ audit }}.personal_keys (
    event_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    table_id integer NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    salt bytea NOT NULL,
    CONSTRAINT personal_keys_event_id_occurred_at_pk PRIMARY KEY (event_id, occurred_at),
    CONSTRAINT personal_keys_salt_ck CHECK (octet_length(salt) = 32)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE {{ audit }}.personal_keys_default PARTITION OF {{ audit }}.personal_keys DEFAULT;
CREATE INDEX personal_keys_table_id_record_key_idx ON {{ audit }}.personal_keys (table_id, record_key);
COMMENT ON TABLE {{ audit }}.personal_keys IS 'Record keys that are personal data, and the salts of their digests.';
COMMENT ON TABLE {{ audit }}.personal_keys_default IS 'Catches rows that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN {{ audit }}.personal_keys.event_id IS 'The event, see change_events.';
COMMENT ON COLUMN {{ audit }}.personal_keys.occurred_at IS 'occurred_at of the event.';
COMMENT ON COLUMN {{ audit }}.personal_keys.tenant_id IS 'Tenant of the event.';
COMMENT ON COLUMN {{ audit }}.personal_keys.table_id IS 'Table of the event.';
COMMENT ON COLUMN {{ audit }}.personal_keys.record_key IS 'The key as text (a digest where it is over 1,000 bytes).';
COMMENT ON COLUMN {{ audit }}.personal_keys.salt IS '32 random bytes; record_key of the event is sha256: and hex of SHA-256(salt || key).';
CREATE TABLE {{ audit }}.blocks (
    log_index bigint NOT NULL,
    block_number bigint NOT NULL,
    sealed_at timestamptz NOT NULL,
    first_event_id bigint,
    last_event_id bigint,
    first_position bigint NOT NULL,
    event_count integer NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    prev_hash bytea NOT NULL,
    merkle_root bytea NOT NULL,
    block_hash bytea NOT NULL,
    header text NOT NULL,
    event_ids bigint[] NOT NULL,
    event_hashes bytea NOT NULL,
    CONSTRAINT blocks_log_index_sealed_at_pk PRIMARY KEY (log_index, sealed_at),
    CONSTRAINT blocks_tenant_id_block_number_sealed_at_uq UNIQUE (tenant_id, block_number, sealed_at),
    CONSTRAINT blocks_prev_hash_ck CHECK (octet_length(prev_hash) = 32),
    CONSTRAINT blocks_merkle_root_ck CHECK (octet_length(merkle_root) = 32),
    CONSTRAINT blocks_block_hash_ck CHECK (octet_length(block_hash) = 32),
    CONSTRAINT blocks_event_count_ck CHECK (event_count BETWEEN 0 AND 65536),
    CONSTRAINT blocks_event_hashes_ck CHECK (octet_length(event_hashes) = 32 * event_count)
) PARTITION BY RANGE (sealed_at);
CREATE TABLE {{ audit }}.blocks_default PARTITION OF {{ audit }}.blocks DEFAULT;
CREATE INDEX blocks_tenant_id_last_event_id_idx
ON {{ audit }}.blocks (tenant_id, last_event_id, first_event_id);
COMMENT ON TABLE {{ audit }}.blocks IS 'Sealed blocks of all tenants, in the order of the log.';
COMMENT ON TABLE {{ audit }}.blocks_default IS 'Catches blocks that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN {{ audit }}.blocks.log_index IS 'Position in the log of all blocks: 0, 1, 2, …, without gaps.';
COMMENT ON COLUMN {{ audit }}.blocks.block_number IS 'Number in the tenant''s chain: 1, 2, 3, …';
COMMENT ON COLUMN {{ audit }}.blocks.sealed_at IS 'When it was sealed.';
COMMENT ON COLUMN {{ audit }}.blocks.first_event_id IS 'Lowest event_id in it; NULL in an empty seal record.';
COMMENT ON COLUMN {{ audit }}.blocks.last_event_id IS 'Highest event_id in it; NULL in an empty seal record.';
COMMENT ON COLUMN {{ audit }}.blocks.first_position IS 'Position of its first event in the tenant''s chain, counted from 1.';
COMMENT ON COLUMN {{ audit }}.blocks.event_count IS 'Number of events in it.';
COMMENT ON COLUMN {{ audit }}.blocks.tenant_id IS 'Whose chain it belongs to.';
COMMENT ON COLUMN {{ audit }}.blocks.prev_hash IS 'block_hash of the tenant''s previous block; 32 zero bytes in block 1.';
COMMENT ON COLUMN {{ audit }}.blocks.merkle_root IS 'RFC 6962 tree hash over the event hashes.';
COMMENT ON COLUMN {{ audit }}.blocks.block_hash IS 'SHA-256 of the header.';
COMMENT ON COLUMN {{ audit }}.blocks.header IS 'One line of JSON that carries all of it; what is hashed, signed and exported.';
COMMENT ON COLUMN {{ audit }}.blocks.event_ids IS 'The events, ascending.';
COMMENT ON COLUMN {{ audit }}.blocks.event_hashes IS 'SHA-256 of each event''s line, 32 bytes each, in the same order.';
CREATE TABLE {{ audit }}.chain_heads (
    tenant_id text COLLATE "C" NOT NULL,
    salt bytea NOT NULL,
    block_number bigint NOT NULL,
    block_hash bytea NOT NULL,
    event_count bigint NOT NULL,
    CONSTRAINT chain_heads_tenant_id_pk PRIMARY KEY (tenant_id),
    CONSTRAINT chain_heads_salt_ck CHECK (octet_length(salt) = 32),
    CONSTRAINT chain_heads_block_hash_ck CHECK (octet_length(block_hash) = 32)
);
COMMENT ON TABLE {{ audit }}.chain_heads IS 'Newest block of each tenant''s chain.';
COMMENT ON COLUMN {{ audit }}.chain_heads.tenant_id IS 'The tenant.';
COMMENT ON COLUMN {{ audit }}.chain_heads.salt IS '32 random bytes; headers name the tenant as SHA-256(salt || tenant_id).';
COMMENT ON COLUMN {{ audit }}.chain_heads.block_number IS 'Number of its newest block.';
COMMENT ON COLUMN {{ audit }}.chain_heads.block_hash IS 'Hash of its newest block.';
COMMENT ON COLUMN {{ audit }}.chain_heads.event_count IS 'Events in its chain so far.';
CREATE TABLE {{ audit }}.seal_lock (
    nothing boolean,
    CONSTRAINT seal_lock_nothing_ck CHECK (nothing IS NULL)
);
CREATE TABLE {{ audit }}.seal_state (
    only_row boolean NOT NULL DEFAULT true,
    log_size bigint NOT NULL,
    snapshot pg_snapshot NOT NULL,
    sealed_at timestamptz,
    system_identifier bigint,
    timeline integer,
    database_oid bigint,
    own_oid bigint,
    event_id_boundary bigint NOT NULL,
    highest_event_id bigint NOT NULL DEFAULT 0,
    drained_at_xid bigint,
    drained_above bigint,
    CONSTRAINT seal_state_only_row_pk PRIMARY KEY (only_row),
    CONSTRAINT seal_state_only_row_ck CHECK (only_row)
);
INSERT INTO {{ audit }}.seal_state (log_size, snapshot, event_id_boundary) VALUES (0, '1:1:', 0);
CREATE TABLE {{ audit }}.seal_horizon (
    transaction_id bigint NOT NULL,
    began_at timestamptz NOT NULL,
    CONSTRAINT seal_horizon_transaction_id_pk PRIMARY KEY (transaction_id)
);
COMMENT ON TABLE {{ audit }}.seal_lock IS 'Empty; seal() locks it to be alone.';
COMMENT ON COLUMN {{ audit }}.seal_lock.nothing IS 'Never filled.';
COMMENT ON TABLE {{ audit }}.seal_state IS 'Where sealing stands; one row.';
COMMENT ON COLUMN {{ audit }}.seal_state.only_row IS 'Always true.';
COMMENT ON COLUMN {{ audit }}.seal_state.log_size IS 'Number of blocks in the log, so the next log_index.';
COMMENT ON COLUMN {{ audit }}.seal_state.snapshot IS 'Snapshot of the last seal; what it saw is sealed.';
COMMENT ON COLUMN {{ audit }}.seal_state.sealed_at IS 'Time of the last seal record.';
COMMENT ON COLUMN {{ audit }}.seal_state.system_identifier IS 'Cluster that sealed last; another one begins a new incarnation.';
COMMENT ON COLUMN {{ audit }}.seal_state.timeline IS 'Its timeline.';
COMMENT ON COLUMN {{ audit }}.seal_state.database_oid IS 'Its database.';
COMMENT ON COLUMN {{ audit }}.seal_state.own_oid IS 'OID of this table; another one tells that it was restored in place.';
COMMENT ON COLUMN {{ audit }}.seal_state.event_id_boundary IS 'Events up to here belong to earlier incarnations.';
COMMENT ON COLUMN {{ audit }}.seal_state.highest_event_id IS 'Highest event in a block; the sequence of numbers must not fall behind it.';
COMMENT ON COLUMN {{ audit }}.seal_state.drained_at_xid IS 'Until every transaction below it has ended, events up to the boundary are looked for one by one.';
COMMENT ON COLUMN {{ audit }}.seal_state.drained_above IS 'Highest event in a block when the incarnation began; what was under way then has higher numbers.';
COMMENT ON TABLE {{ audit }}.seal_horizon IS 'Some earlier seals; tells how far back in time a seal must look.';
COMMENT ON COLUMN {{ audit }}.seal_horizon.transaction_id IS 'Transaction of a seal; those with higher ids began later.';
COMMENT ON COLUMN {{ audit }}.seal_horizon.began_at IS 'When it began.';
CREATE TABLE {{ audit }}.tenant_readers (
    role name NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    CONSTRAINT tenant_readers_role_tenant_id_pk PRIMARY KEY (role, tenant_id)
);
COMMENT ON TABLE {{ audit }}.tenant_readers IS 'Who may read the log of which tenant.';
COMMENT ON COLUMN {{ audit }}.tenant_readers.role IS 'The role; its members read too.';
COMMENT ON COLUMN {{ audit }}.tenant_readers.tenant_id IS 'The tenant.';
CREATE TABLE {{ audit }}.maintenance_permits (
    transaction_id bigint NOT NULL,
    CONSTRAINT maintenance_permits_transaction_id_pk PRIMARY KEY (transaction_id)
);
CREATE TABLE {{ audit }}.truncate_marks (
    transaction_id bigint NOT NULL,
    relation oid NOT NULL,
    CONSTRAINT truncate_marks_transaction_id_relation_pk PRIMARY KEY (transaction_id, relation)
);
COMMENT ON TABLE {{ audit }}.maintenance_permits IS 'Transactions whose maintenance may move rows of the log; empty outside of them.';
COMMENT ON COLUMN {{ audit }}.maintenance_permits.transaction_id IS 'The transaction.';
COMMENT ON TABLE {{ audit }}.truncate_marks IS 'Partitions whose TRUNCATE is covered by that of their parent in the same statement.';
COMMENT ON COLUMN {{ audit }}.truncate_marks.transaction_id IS 'The transaction.';
COMMENT ON COLUMN {{ audit }}.truncate_marks.relation IS 'The partition.';
ALTER TABLE {{ audit }}.audited_tables ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.audited_tables FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.audited_tables FROM PUBLIC;
ALTER TABLE {{ audit }}.blocks ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.blocks FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.blocks FROM PUBLIC;
ALTER TABLE {{ audit }}.chain_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.chain_heads FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.chain_heads FROM PUBLIC;
ALTER TABLE {{ audit }}.change_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.change_events FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.change_events FROM PUBLIC;
ALTER TABLE {{ audit }}.descendants ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.descendants FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.descendants FROM PUBLIC;
ALTER TABLE {{ audit }}.maintenance_permits ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.maintenance_permits FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.maintenance_permits FROM PUBLIC;
ALTER TABLE {{ audit }}.personal_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.personal_keys FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.personal_keys FROM PUBLIC;
ALTER TABLE {{ audit }}.personal_values ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.personal_values FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.personal_values FROM PUBLIC;
ALTER TABLE {{ audit }}.seal_horizon ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.seal_horizon FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.seal_horizon FROM PUBLIC;
ALTER TABLE {{ audit }}.seal_lock ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.seal_lock FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.seal_lock FROM PUBLIC;
ALTER TABLE {{ audit }}.seal_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.seal_state FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.seal_state FROM PUBLIC;
ALTER TABLE {{ audit }}.settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.settings FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.settings FROM PUBLIC;
ALTER TABLE {{ audit }}.table_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.table_versions FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.table_versions FROM PUBLIC;
ALTER TABLE {{ audit }}.tenant_readers ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.tenant_readers FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.tenant_readers FROM PUBLIC;
ALTER TABLE {{ audit }}.truncate_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE {{ audit }}.truncate_marks FORCE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE {{ audit }}.truncate_marks FROM PUBLIC;
GRANT SELECT ON {{ audit }}.blocks TO {{ view }};
GRANT SELECT ON {{ audit }}.chain_heads TO {{ view }};
GRANT SELECT ON {{ audit }}.change_events TO {{ view }};
GRANT SELECT ON {{ audit }}.personal_keys TO {{ view }};
GRANT SELECT ON {{ audit }}.personal_values TO {{ view }};
GRANT SELECT ON {{ audit }}.audited_tables TO {{ view }};
GRANT SELECT ON {{ audit }}.table_versions TO {{ view }};
GRANT SELECT ON {{ audit }}.tenant_readers TO {{ view }};

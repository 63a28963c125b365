-- object:   types audit.event_v1, audit.block_v1, audit.incarnation_v1, audit.seal_v1
-- requires: schema/audit.sql
-- purpose:  the lines that are hashed are row_to_json of these types; a field added or moved is a new version
CREATE TYPE "audit".event_v1 AS (
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
CREATE TYPE "audit".block_v1 AS (
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
CREATE TYPE "audit".incarnation_v1 AS (
    system_identifier bigint,
    timeline integer,
    database_oid bigint,
    event_id_boundary bigint
);
CREATE TYPE "audit".seal_v1 AS (
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
    incarnation "audit".incarnation_v1,
    fingerprint text
);
REVOKE ALL ON TYPE "audit".event_v1 FROM PUBLIC;
REVOKE ALL ON TYPE "audit".block_v1 FROM PUBLIC;
REVOKE ALL ON TYPE "audit".incarnation_v1 FROM PUBLIC;
REVOKE ALL ON TYPE "audit".seal_v1 FROM PUBLIC;
COMMENT ON TYPE "audit".event_v1 IS 'Event line, version 1.';
COMMENT ON TYPE "audit".block_v1 IS 'Block header, version 1.';
COMMENT ON TYPE "audit".incarnation_v1 IS 'Which cluster and database sealed, version 1.';
COMMENT ON TYPE "audit".seal_v1 IS 'Header of the block that ends a seal, version 1.';

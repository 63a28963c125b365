-- object:   table audit.blocks
-- requires: schema/audit.sql
-- purpose:  the hash chains: each block seals events of one tenant and embeds the hash of the block before
CREATE TABLE "audit".blocks (
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
CREATE TABLE "audit".blocks_default PARTITION OF "audit".blocks DEFAULT;
CREATE INDEX blocks_tenant_id_last_event_id_idx
ON "audit".blocks (tenant_id, last_event_id, first_event_id);
COMMENT ON TABLE "audit".blocks IS 'Sealed blocks of all tenants, in the order of the log.';
COMMENT ON TABLE "audit".blocks_default IS 'Catches blocks that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN "audit".blocks.log_index IS 'Position in the log of all blocks: 0, 1, 2, …, without gaps.';
COMMENT ON COLUMN "audit".blocks.block_number IS 'Number in the tenant''s chain: 1, 2, 3, …';
COMMENT ON COLUMN "audit".blocks.sealed_at IS 'When it was sealed.';
COMMENT ON COLUMN "audit".blocks.first_event_id IS 'Lowest event_id in it; NULL in an empty seal record.';
COMMENT ON COLUMN "audit".blocks.last_event_id IS 'Highest event_id in it; NULL in an empty seal record.';
COMMENT ON COLUMN "audit".blocks.first_position IS 'Position of its first event in the tenant''s chain, counted from 1.';
COMMENT ON COLUMN "audit".blocks.event_count IS 'Number of events in it.';
COMMENT ON COLUMN "audit".blocks.tenant_id IS 'Whose chain it belongs to.';
COMMENT ON COLUMN "audit".blocks.prev_hash IS 'block_hash of the tenant''s previous block; 32 zero bytes in block 1.';
COMMENT ON COLUMN "audit".blocks.merkle_root IS 'RFC 6962 tree hash over the event hashes.';
COMMENT ON COLUMN "audit".blocks.block_hash IS 'SHA-256 of the header.';
COMMENT ON COLUMN "audit".blocks.header IS 'One line of JSON that carries all of it; what is hashed, signed and exported.';
COMMENT ON COLUMN "audit".blocks.event_ids IS 'The events, ascending.';
COMMENT ON COLUMN "audit".blocks.event_hashes IS 'SHA-256 of each event''s line, 32 bytes each, in the same order.';

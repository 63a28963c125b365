-- object:   table audit.chain_heads
-- requires: schema/audit.sql
-- purpose:  each tenant's newest block, and its salt; only seal() touches it
CREATE TABLE "audit".chain_heads (
    tenant_id text COLLATE "C" NOT NULL,
    salt bytea NOT NULL,
    block_number bigint NOT NULL,
    block_hash bytea NOT NULL,
    event_count bigint NOT NULL,
    CONSTRAINT chain_heads_tenant_id_pk PRIMARY KEY (tenant_id),
    CONSTRAINT chain_heads_salt_ck CHECK (octet_length(salt) = 32),
    CONSTRAINT chain_heads_block_hash_ck CHECK (octet_length(block_hash) = 32)
);
COMMENT ON TABLE "audit".chain_heads IS 'Newest block of each tenant''s chain.';
COMMENT ON COLUMN "audit".chain_heads.tenant_id IS 'The tenant.';
COMMENT ON COLUMN "audit".chain_heads.salt IS '32 random bytes; headers name the tenant as SHA-256(salt || tenant_id).';
COMMENT ON COLUMN "audit".chain_heads.block_number IS 'Number of its newest block.';
COMMENT ON COLUMN "audit".chain_heads.block_hash IS 'Hash of its newest block.';
COMMENT ON COLUMN "audit".chain_heads.event_count IS 'Events in its chain so far.';

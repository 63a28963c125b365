-- object:   table audit.checkpoints
-- object:   table audit.log_tiles
-- requires: schema/audit.sql
-- purpose:  what was signed of the log, and the hashes from which proofs are made
CREATE TABLE "audit".checkpoints (
    origin text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    prepared_at timestamptz NOT NULL,
    published_at timestamptz,
    note text,
    anchors jsonb,
    CONSTRAINT checkpoints_origin_size_pk PRIMARY KEY (origin, size),
    CONSTRAINT checkpoints_size_ck CHECK (size >= 0),
    CONSTRAINT checkpoints_root_ck CHECK (octet_length(root) = 32)
);
CREATE TABLE "audit".log_tiles (
    tile_level integer NOT NULL,
    tile_index bigint NOT NULL,
    node_hashes bytea NOT NULL,
    CONSTRAINT log_tiles_tile_level_tile_index_pk PRIMARY KEY (tile_level, tile_index),
    CONSTRAINT log_tiles_node_hashes_ck CHECK (octet_length(node_hashes) = 8192)
);
COMMENT ON TABLE "audit".checkpoints IS 'Checkpoints of the log that were signed, or are about to be; the copies outside the database are what counts.';
COMMENT ON COLUMN "audit".checkpoints.origin IS 'Name of the log.';
COMMENT ON COLUMN "audit".checkpoints.size IS 'Number of blocks that it covers.';
COMMENT ON COLUMN "audit".checkpoints.root IS 'RFC 6962 tree hash over their headers.';
COMMENT ON COLUMN "audit".checkpoints.prepared_at IS 'When it was written here, which is before it is signed.';
COMMENT ON COLUMN "audit".checkpoints.published_at IS 'When an anchor last took it, or, without anchors, when it was signed; NULL until then.';
COMMENT ON COLUMN "audit".checkpoints.note IS 'The signed note, with the cosignatures that came back; NULL until it is signed.';
COMMENT ON COLUMN "audit".checkpoints.anchors IS 'What each anchor answered: null, or why it did not take the note.';
COMMENT ON TABLE "audit".log_tiles IS 'Full tiles of the log''s tree, 256 hashes each; made from the blocks, and can be made again.';
COMMENT ON COLUMN "audit".log_tiles.tile_level IS 'Height divided by eight: 0 holds the hashes of the leaves.';
COMMENT ON COLUMN "audit".log_tiles.tile_index IS 'Number of the tile in its level, from 0.';
COMMENT ON COLUMN "audit".log_tiles.node_hashes IS '256 hashes of 32 bytes.';

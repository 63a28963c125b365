-- object:   tables audit.seal_state, audit.seal_horizon, audit.seal_lock
-- requires: schema/audit.sql
-- purpose:  where sealing stands; seal_lock is what sealers lock, so that no other role can hold them up
CREATE TABLE "audit".seal_lock (
    nothing boolean,
    CONSTRAINT seal_lock_nothing_ck CHECK (nothing IS NULL)
);
CREATE TABLE "audit".seal_state (
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
INSERT INTO "audit".seal_state (log_size, snapshot, event_id_boundary) VALUES (0, '1:1:', 0);
CREATE TABLE "audit".seal_horizon (
    transaction_id bigint NOT NULL,
    began_at timestamptz NOT NULL,
    CONSTRAINT seal_horizon_transaction_id_pk PRIMARY KEY (transaction_id)
);
COMMENT ON TABLE "audit".seal_lock IS 'Empty; seal() locks it to be alone.';
COMMENT ON COLUMN "audit".seal_lock.nothing IS 'Never filled.';
COMMENT ON TABLE "audit".seal_state IS 'Where sealing stands; one row.';
COMMENT ON COLUMN "audit".seal_state.only_row IS 'Always true.';
COMMENT ON COLUMN "audit".seal_state.log_size IS 'Number of blocks in the log, so the next log_index.';
COMMENT ON COLUMN "audit".seal_state.snapshot IS 'Snapshot of the last seal; what it saw is sealed.';
COMMENT ON COLUMN "audit".seal_state.sealed_at IS 'Time of the last seal record.';
COMMENT ON COLUMN "audit".seal_state.system_identifier IS 'Cluster that sealed last; another one begins a new incarnation.';
COMMENT ON COLUMN "audit".seal_state.timeline IS 'Its timeline.';
COMMENT ON COLUMN "audit".seal_state.database_oid IS 'Its database.';
COMMENT ON COLUMN "audit".seal_state.own_oid IS 'OID of this table; another one tells that it was restored in place.';
COMMENT ON COLUMN "audit".seal_state.event_id_boundary IS 'Events up to here belong to earlier incarnations.';
COMMENT ON COLUMN "audit".seal_state.highest_event_id IS 'Highest event in a block; the sequence of numbers must not fall behind it.';
COMMENT ON COLUMN "audit".seal_state.drained_at_xid IS 'Until every transaction below it has ended, events up to the boundary are looked for one by one.';
COMMENT ON COLUMN "audit".seal_state.drained_above IS 'Highest event in a block when the incarnation began; what was under way then has higher numbers.';
COMMENT ON TABLE "audit".seal_horizon IS 'Some earlier seals; tells how far back in time a seal must look.';
COMMENT ON COLUMN "audit".seal_horizon.transaction_id IS 'Transaction of a seal; those with higher ids began later.';
COMMENT ON COLUMN "audit".seal_horizon.began_at IS 'When it began.';

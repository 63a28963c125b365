-- object:   tables audit.maintenance_permits, audit.truncate_marks
-- requires: schema/audit.sql
-- purpose:  what one function of the kit must tell another within a transaction, where no client can forge it
CREATE TABLE "audit".maintenance_permits (
    transaction_id bigint NOT NULL,
    CONSTRAINT maintenance_permits_transaction_id_pk PRIMARY KEY (transaction_id)
);
CREATE TABLE "audit".truncate_marks (
    transaction_id bigint NOT NULL,
    relation oid NOT NULL,
    CONSTRAINT truncate_marks_transaction_id_relation_pk PRIMARY KEY (transaction_id, relation)
);
COMMENT ON TABLE "audit".maintenance_permits IS 'Transactions whose maintenance may move rows of the log; empty outside of them.';
COMMENT ON COLUMN "audit".maintenance_permits.transaction_id IS 'The transaction.';
COMMENT ON TABLE "audit".truncate_marks IS 'Partitions whose TRUNCATE is covered by that of their parent in the same statement.';
COMMENT ON COLUMN "audit".truncate_marks.transaction_id IS 'The transaction.';
COMMENT ON COLUMN "audit".truncate_marks.relation IS 'The partition.';

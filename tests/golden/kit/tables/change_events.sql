-- object:   table audit.change_events
-- requires: schema/audit.sql
-- purpose:  the append-only log, one row per changed row, partitioned by time
-- Columns stand in order of alignment; the order that is hashed is that of the event line.
CREATE SEQUENCE "audit".event_id_seq AS bigint CACHE 1;
CREATE TABLE "audit".change_events (
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
CREATE TABLE "audit".change_events_default PARTITION OF "audit".change_events (
    CONSTRAINT change_events_default_occurred_at_ck CHECK (
        occurred_at >= '2000-01-01 00:00:00+00' AND occurred_at < '10000-01-01 00:00:00+00'
    )
) DEFAULT;
ALTER SEQUENCE "audit".event_id_seq OWNED BY "audit".change_events.event_id;
CREATE INDEX change_events_tenant_id_event_id_idx ON "audit".change_events (tenant_id, event_id);
CREATE INDEX change_events_table_id_record_key_event_id_idx
ON "audit".change_events (table_id, record_key, event_id);
CREATE INDEX change_events_transaction_id_idx ON "audit".change_events (transaction_id);
COMMENT ON SEQUENCE "audit".event_id_seq IS 'Numbers of events; gaps are normal.';
COMMENT ON TABLE "audit".change_events IS 'Append-only log of row changes; read it through the view events.';
COMMENT ON TABLE "audit".change_events_default IS 'Catches events that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN "audit".change_events.event_id IS 'Order within the log; from one sequence, gaps are normal.';
COMMENT ON COLUMN "audit".change_events.occurred_at IS 'Clock at capture.';
COMMENT ON COLUMN "audit".change_events.transaction_id IS 'xid8 of the top transaction.';
COMMENT ON COLUMN "audit".change_events.table_id IS 'The table, see audited_tables; NULL for control events about none.';
COMMENT ON COLUMN "audit".change_events.table_version IS 'Its definition then, see table_versions.';
COMMENT ON COLUMN "audit".change_events.row_xmin IS 'xmin of the row version that the change made.';
COMMENT ON COLUMN "audit".change_events.operation IS 'I insert, U update, D delete, T truncate, B baseline, C control.';
COMMENT ON COLUMN "audit".change_events.tenant_id IS 'Whose log it belongs to; _system for the kit''s own.';
COMMENT ON COLUMN "audit".change_events.record_key IS 'Key of the row before the change, as text.';
COMMENT ON COLUMN "audit".change_events.actor_id IS 'Who, as the application said with set_context.';
COMMENT ON COLUMN "audit".change_events.action IS 'What the user meant, as the application said; never inferred.';
COMMENT ON COLUMN "audit".change_events.context IS 'Everything else that is known about the circumstances.';
COMMENT ON COLUMN "audit".change_events.old_values IS 'Update: changed columns before; delete: the whole row.';
COMMENT ON COLUMN "audit".change_events.new_values IS 'Update: changed columns after; insert: the whole row; control: what happened.';
COMMENT ON COLUMN "audit".change_events.personal_commitment IS 'SHA-256 of salt and personal values, which stand in personal_values.';

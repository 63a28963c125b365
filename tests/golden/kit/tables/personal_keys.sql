-- object:   table audit.personal_keys
-- requires: schema/audit.sql
-- purpose:  keys that are personal data: the event has SHA-256(salt || key), the salt goes with the erasure
-- A salt for each event: looking one up in the trigger would make SERIALIZABLE writers conflict.
CREATE TABLE "audit".personal_keys (
    event_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    table_id integer NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    salt bytea NOT NULL,
    CONSTRAINT personal_keys_event_id_occurred_at_pk PRIMARY KEY (event_id, occurred_at),
    CONSTRAINT personal_keys_salt_ck CHECK (octet_length(salt) = 32)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE "audit".personal_keys_default PARTITION OF "audit".personal_keys DEFAULT;
CREATE INDEX personal_keys_table_id_record_key_idx ON "audit".personal_keys (table_id, record_key);
COMMENT ON TABLE "audit".personal_keys IS 'Record keys that are personal data, and the salts of their digests.';
COMMENT ON TABLE "audit".personal_keys_default IS 'Catches rows that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN "audit".personal_keys.event_id IS 'The event, see change_events.';
COMMENT ON COLUMN "audit".personal_keys.occurred_at IS 'occurred_at of the event.';
COMMENT ON COLUMN "audit".personal_keys.tenant_id IS 'Tenant of the event.';
COMMENT ON COLUMN "audit".personal_keys.table_id IS 'Table of the event.';
COMMENT ON COLUMN "audit".personal_keys.record_key IS 'The key as text (a digest where it is over 1,000 bytes).';
COMMENT ON COLUMN "audit".personal_keys.salt IS '32 random bytes; record_key of the event is sha256: and hex of SHA-256(salt || key).';

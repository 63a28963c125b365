-- object:   table audit.personal_values
-- requires: schema/audit.sql
-- purpose:  personal data of events, apart from the log, so that erasing it leaves every proof whole
CREATE TABLE "audit".personal_values (
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
CREATE TABLE "audit".personal_values_default PARTITION OF "audit".personal_values DEFAULT;
CREATE INDEX personal_values_tenant_id_subject_idx ON "audit".personal_values (tenant_id, subject);
COMMENT ON TABLE "audit".personal_values IS 'Personal values of events; the event carries a salted commitment to them.';
COMMENT ON TABLE "audit".personal_values_default IS 'Catches rows that no partition was ready for; maintenance moves them.';
COMMENT ON COLUMN "audit".personal_values.event_id IS 'The event, see change_events.';
COMMENT ON COLUMN "audit".personal_values.occurred_at IS 'occurred_at of the event.';
COMMENT ON COLUMN "audit".personal_values.tenant_id IS 'Tenant of the event.';
COMMENT ON COLUMN "audit".personal_values.subject IS 'Whose data it is.';
COMMENT ON COLUMN "audit".personal_values.salt IS '32 random bytes; the commitment is SHA-256(salt || [old,new,context]).';
COMMENT ON COLUMN "audit".personal_values.old_values IS 'Personal columns before.';
COMMENT ON COLUMN "audit".personal_values.new_values IS 'Personal columns after.';
COMMENT ON COLUMN "audit".personal_values.context IS 'Personal fields of the context.';

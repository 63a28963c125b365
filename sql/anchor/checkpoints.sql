-- object:   schema pgaudit_kit_anchor, in the database of another team
-- requires:
-- purpose:  keeps a log's signed checkpoints where the log's own administrators can add but not change
--
-- For PostgreSQL 14 or later. Whoever runs it may create roles, and a schema in this database.
-- Roles, which that team gives to logins of its choice:
--   pgaudit_kit_anchor_writer  adds checkpoints and reads them (for the signer)
--   pgaudit_kit_anchor_reader  reads them (for verify, for auditors)
BEGIN;

DO $do$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['pgaudit_kit_anchor_writer', 'pgaudit_kit_anchor_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = v_role) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_role);
        END IF;
    END LOOP;
END;
$do$;

CREATE SCHEMA IF NOT EXISTS pgaudit_kit_anchor;
REVOKE ALL ON SCHEMA pgaudit_kit_anchor FROM PUBLIC;
GRANT USAGE ON SCHEMA pgaudit_kit_anchor TO pgaudit_kit_anchor_writer, pgaudit_kit_anchor_reader;
COMMENT ON SCHEMA pgaudit_kit_anchor IS 'Signed checkpoints of audit logs in other databases.';

CREATE TABLE IF NOT EXISTS pgaudit_kit_anchor.checkpoints (
    origin text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    note bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    received_from text NOT NULL DEFAULT session_user,
    CONSTRAINT checkpoints_pk PRIMARY KEY (origin, size),
    CONSTRAINT checkpoints_size_ck CHECK (size >= 0),
    CONSTRAINT checkpoints_note_ck CHECK (octet_length(note) BETWEEN 1 AND 1000000)
);
COMMENT ON TABLE pgaudit_kit_anchor.checkpoints IS 'One signed checkpoint for each log and size; append-only.';
COMMENT ON COLUMN pgaudit_kit_anchor.checkpoints.origin IS 'The log, as the checkpoint names it.';
COMMENT ON COLUMN pgaudit_kit_anchor.checkpoints.size IS 'Leaves of the log at this checkpoint.';
COMMENT ON COLUMN pgaudit_kit_anchor.checkpoints.note IS 'The signed note (c2sp.org/signed-note), byte for byte.';
COMMENT ON COLUMN pgaudit_kit_anchor.checkpoints.received_at IS 'When it came, by this server''s clock.';
COMMENT ON COLUMN pgaudit_kit_anchor.checkpoints.received_from IS 'The login that brought it.';

CREATE OR REPLACE FUNCTION pgaudit_kit_anchor.tg_append_only()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation',
        DETAIL = 'Checkpoints are evidence; they prove something because nobody changes them.';
END;
$fn$;
REVOKE ALL ON FUNCTION pgaudit_kit_anchor.tg_append_only() FROM PUBLIC;
COMMENT ON FUNCTION pgaudit_kit_anchor.tg_append_only() IS 'Refuses UPDATE, DELETE and TRUNCATE.';

CREATE OR REPLACE TRIGGER checkpoints_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON pgaudit_kit_anchor.checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION pgaudit_kit_anchor.tg_append_only();
-- ALWAYS: a session that replays replication would pass an ordinary trigger
ALTER TABLE pgaudit_kit_anchor.checkpoints ENABLE ALWAYS TRIGGER checkpoints_append_only;

REVOKE ALL ON pgaudit_kit_anchor.checkpoints FROM PUBLIC;
-- not received_at and received_from: whoever brings a checkpoint does not say when
GRANT INSERT (origin, size, note) ON pgaudit_kit_anchor.checkpoints TO pgaudit_kit_anchor_writer;
GRANT SELECT ON pgaudit_kit_anchor.checkpoints TO pgaudit_kit_anchor_writer, pgaudit_kit_anchor_reader;

COMMIT;

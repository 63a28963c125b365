-- object:   table audit.config_seen
-- requires: schema/audit.sql
-- purpose:  what the last seal found of guards and access, so that the next one can say what has changed
CREATE TABLE "audit".config_seen (
    only_row boolean NOT NULL DEFAULT true,
    guards text NOT NULL,
    access text NOT NULL,
    guard_lines text[] NOT NULL,
    access_lines text[] NOT NULL,
    CONSTRAINT config_seen_only_row_pk PRIMARY KEY (only_row),
    CONSTRAINT config_seen_only_row_ck CHECK (only_row)
);
COMMENT ON TABLE "audit".config_seen IS 'Guards and access as the last seal found them; one row.';
COMMENT ON COLUMN "audit".config_seen.only_row IS 'Always true.';
COMMENT ON COLUMN "audit".config_seen.guards IS 'Digest of guard_lines.';
COMMENT ON COLUMN "audit".config_seen.access IS 'Digest of access_lines.';
COMMENT ON COLUMN "audit".config_seen.guard_lines IS 'The kit''s functions, triggers, policies and rules, a line each.';
COMMENT ON COLUMN "audit".config_seen.access_lines IS 'Grants on the kit''s objects, members of its roles, and who stands above both, a line each.';

-- object:   table audit.settings
-- requires: schema/audit.sql
-- purpose:  what the configuration says beyond single tables: partitions, personal context fields, actions
CREATE TABLE "audit".settings (
    name text COLLATE "C" NOT NULL,
    value jsonb NOT NULL,
    CONSTRAINT settings_name_pk PRIMARY KEY (name)
);
COMMENT ON TABLE "audit".settings IS 'Settings of this installation that are not about one table.';
COMMENT ON COLUMN "audit".settings.name IS 'Name of the setting: partitions, personal_context, actions.';
COMMENT ON COLUMN "audit".settings.value IS 'Its value as declared in pgaudit.toml.';

DROP EVENT TRIGGER IF EXISTS "pgaudit_kit_audit_ddl";
CREATE EVENT TRIGGER "pgaudit_kit_audit_ddl" ON ddl_command_end
EXECUTE FUNCTION "audit".tg_ddl_watch();
ALTER EVENT TRIGGER "pgaudit_kit_audit_ddl" ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS "pgaudit_kit_audit_drop";
CREATE EVENT TRIGGER "pgaudit_kit_audit_drop" ON sql_drop
EXECUTE FUNCTION "audit".tg_ddl_watch();
ALTER EVENT TRIGGER "pgaudit_kit_audit_drop" ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS "pgaudit_kit_audit_lend";
CREATE EVENT TRIGGER "pgaudit_kit_audit_lend" ON ddl_command_end
EXECUTE FUNCTION "audit".tg_ddl_lend();
ALTER EVENT TRIGGER "pgaudit_kit_audit_lend" ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS "pgaudit_kit_audit_rearm";
CREATE EVENT TRIGGER "pgaudit_kit_audit_rearm" ON ddl_command_end
EXECUTE FUNCTION "audit".tg_ddl_rearm();
ALTER EVENT TRIGGER "pgaudit_kit_audit_rearm" ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS "pgaudit_kit_audit_rewrite";
CREATE EVENT TRIGGER "pgaudit_kit_audit_rewrite" ON table_rewrite
EXECUTE FUNCTION "audit".tg_ddl_data();
ALTER EVENT TRIGGER "pgaudit_kit_audit_rewrite" ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS "pgaudit_kit_audit_type";
CREATE EVENT TRIGGER "pgaudit_kit_audit_type" ON ddl_command_end
WHEN TAG IN ('ALTER TYPE', 'ALTER DOMAIN')
EXECUTE FUNCTION "audit".tg_ddl_data();
ALTER EVENT TRIGGER "pgaudit_kit_audit_type" ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER "pgaudit_kit_audit_ddl" IS 'pgaudit-kit: keeps capture fit for changed tables.';
COMMENT ON EVENT TRIGGER "pgaudit_kit_audit_drop" IS 'pgaudit-kit: notices what is dropped from audited tables.';
COMMENT ON EVENT TRIGGER "pgaudit_kit_audit_lend" IS 'pgaudit-kit: gives new partitions what old ones have.';
COMMENT ON EVENT TRIGGER "pgaudit_kit_audit_rearm" IS 'pgaudit-kit: keeps its triggers ALWAYS.';
COMMENT ON EVENT TRIGGER "pgaudit_kit_audit_rewrite" IS 'pgaudit-kit: records that rows were rewritten.';
COMMENT ON EVENT TRIGGER "pgaudit_kit_audit_type" IS 'pgaudit-kit: records that a type in use was changed.';

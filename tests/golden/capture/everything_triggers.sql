CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row"
AFTER INSERT OR UPDATE OR DELETE ON "Sales & more"."The ""Table"""
FOR EACH ROW EXECUTE FUNCTION "audit"."tg_capture_42"();
ALTER TABLE "Sales & more"."The ""Table""" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate"
AFTER TRUNCATE ON "Sales & more"."The ""Table"""
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('42');
ALTER TABLE "Sales & more"."The ""Table""" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate_before"
BEFORE TRUNCATE ON "Sales & more"."The ""Table"""
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('42');
ALTER TABLE "Sales & more"."The ""Table""" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate_before";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate"
AFTER TRUNCATE ON "Sales & more"."leaf"
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('42');
ALTER TABLE "Sales & more"."leaf" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate_before"
BEFORE TRUNCATE ON "Sales & more"."leaf"
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('42');
ALTER TABLE "Sales & more"."leaf" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate_before";

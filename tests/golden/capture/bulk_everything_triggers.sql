CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row"
AFTER INSERT OR UPDATE ON "Sales & more"."The ""Table"""
FOR EACH ROW EXECUTE FUNCTION "audit"."tg_capture_1"();
ALTER TABLE "Sales & more"."The ""Table""" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_bulk_delete"
AFTER DELETE ON "Sales & more"."The ""Table"""
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_bulk_1"();
ALTER TABLE "Sales & more"."The ""Table""" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_bulk_delete";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate"
AFTER TRUNCATE ON "Sales & more"."The ""Table"""
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('1');
ALTER TABLE "Sales & more"."The ""Table""" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate";

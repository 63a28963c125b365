CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row"
AFTER UPDATE ON "public"."article"
FOR EACH ROW EXECUTE FUNCTION "audit"."tg_capture_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_bulk_insert"
AFTER INSERT ON "public"."article"
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_bulk_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_bulk_insert";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_bulk_delete"
AFTER DELETE ON "public"."article"
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_bulk_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_bulk_delete";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate"
AFTER TRUNCATE ON "public"."article"
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('1');
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate";

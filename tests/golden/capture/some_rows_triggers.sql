CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row_insert"
AFTER INSERT ON "public"."article"
FOR EACH ROW WHEN ((NEW.title <> 'draft') IS NOT FALSE)
EXECUTE FUNCTION "audit"."tg_capture_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row_insert";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row_update"
AFTER UPDATE ON "public"."article"
FOR EACH ROW WHEN ((OLD.title <> 'draft') IS NOT FALSE AND (NEW.title <> 'draft') IS NOT FALSE)
EXECUTE FUNCTION "audit"."tg_capture_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row_update";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row_enters"
AFTER UPDATE ON "public"."article"
FOR EACH ROW WHEN ((OLD.title <> 'draft') IS FALSE AND (NEW.title <> 'draft') IS NOT FALSE)
EXECUTE FUNCTION "audit"."tg_capture_1"('enters');
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row_enters";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row_leaves"
AFTER UPDATE ON "public"."article"
FOR EACH ROW WHEN ((OLD.title <> 'draft') IS NOT FALSE AND (NEW.title <> 'draft') IS FALSE)
EXECUTE FUNCTION "audit"."tg_capture_1"('leaves');
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row_leaves";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row_delete"
AFTER DELETE ON "public"."article"
FOR EACH ROW WHEN ((OLD.title <> 'draft') IS NOT FALSE)
EXECUTE FUNCTION "audit"."tg_capture_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row_delete";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate"
AFTER TRUNCATE ON "public"."article"
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('1');
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate";

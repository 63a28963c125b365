CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row"
AFTER UPDATE OR DELETE ON "public"."article"
FOR EACH ROW EXECUTE FUNCTION "audit"."tg_capture_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row";

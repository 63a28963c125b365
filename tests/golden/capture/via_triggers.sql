CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_row"
AFTER INSERT OR UPDATE OR DELETE ON "public"."article"
FOR EACH ROW EXECUTE FUNCTION "audit"."tg_capture_1"();
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row";
CREATE OR REPLACE TRIGGER "00_pgaudit_kit_audit_truncate"
AFTER TRUNCATE ON "public"."article"
FOR EACH STATEMENT EXECUTE FUNCTION "audit"."tg_truncate"('1');
ALTER TABLE "public"."article" ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_truncate";

CREATE OR REPLACE TRIGGER record_reader_row AFTER INSERT OR UPDATE OR DELETE ON "audit".tenant_readers
FOR EACH ROW EXECUTE FUNCTION "audit".tg_reader_change();
ALTER TABLE "audit".tenant_readers ENABLE ALWAYS TRIGGER record_reader_row;
CREATE OR REPLACE TRIGGER record_reader_truncate AFTER TRUNCATE ON "audit".tenant_readers
FOR EACH STATEMENT EXECUTE FUNCTION "audit".tg_reader_change();
ALTER TABLE "audit".tenant_readers ENABLE ALWAYS TRIGGER record_reader_truncate;

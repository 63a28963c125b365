CREATE OR REPLACE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON "audit".change_events
FOR EACH ROW EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".change_events ENABLE ALWAYS TRIGGER append_only_row;
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON "audit".change_events
FOR EACH STATEMENT EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".change_events ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE OR REPLACE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON "audit".personal_values
FOR EACH ROW EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".personal_values ENABLE ALWAYS TRIGGER append_only_row;
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON "audit".personal_values
FOR EACH STATEMENT EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".personal_values ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE OR REPLACE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON "audit".personal_keys
FOR EACH ROW EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".personal_keys ENABLE ALWAYS TRIGGER append_only_row;
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON "audit".personal_keys
FOR EACH STATEMENT EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".personal_keys ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE OR REPLACE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON "audit".blocks
FOR EACH ROW EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".blocks ENABLE ALWAYS TRIGGER append_only_row;
CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON "audit".blocks
FOR EACH STATEMENT EXECUTE FUNCTION "audit".tg_append_only();
ALTER TABLE "audit".blocks ENABLE ALWAYS TRIGGER append_only_truncate;

-- object:   event trigger ddl
-- object:   event trigger drop
-- object:   event trigger lend
-- object:   event trigger rearm
-- object:   event trigger rewrite
-- object:   event trigger type
-- requires: functions/tg_ddl_watch.sql, functions/tg_ddl_lend.sql, functions/tg_ddl_rearm.sql, functions/tg_ddl_data.sql
-- purpose:  the DDL watch; ALWAYS, since DDL under replica role changes tables too. They fire in the order of
--           their names: first it is recorded what was done, then the triggers are put back to ALWAYS.
DROP EVENT TRIGGER IF EXISTS {{ event_trigger_ddl }};
CREATE EVENT TRIGGER {{ event_trigger_ddl }} ON ddl_command_end
EXECUTE FUNCTION {{ audit }}.tg_ddl_watch();
ALTER EVENT TRIGGER {{ event_trigger_ddl }} ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS {{ event_trigger_drop }};
CREATE EVENT TRIGGER {{ event_trigger_drop }} ON sql_drop
EXECUTE FUNCTION {{ audit }}.tg_ddl_watch();
ALTER EVENT TRIGGER {{ event_trigger_drop }} ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS {{ event_trigger_lend }};
CREATE EVENT TRIGGER {{ event_trigger_lend }} ON ddl_command_end
EXECUTE FUNCTION {{ audit }}.tg_ddl_lend();
ALTER EVENT TRIGGER {{ event_trigger_lend }} ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS {{ event_trigger_rearm }};
CREATE EVENT TRIGGER {{ event_trigger_rearm }} ON ddl_command_end
EXECUTE FUNCTION {{ audit }}.tg_ddl_rearm();
ALTER EVENT TRIGGER {{ event_trigger_rearm }} ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS {{ event_trigger_rewrite }};
CREATE EVENT TRIGGER {{ event_trigger_rewrite }} ON table_rewrite
EXECUTE FUNCTION {{ audit }}.tg_ddl_data();
ALTER EVENT TRIGGER {{ event_trigger_rewrite }} ENABLE ALWAYS;
DROP EVENT TRIGGER IF EXISTS {{ event_trigger_type }};
CREATE EVENT TRIGGER {{ event_trigger_type }} ON ddl_command_end
WHEN TAG IN ('ALTER TYPE', 'ALTER DOMAIN')
EXECUTE FUNCTION {{ audit }}.tg_ddl_data();
ALTER EVENT TRIGGER {{ event_trigger_type }} ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER {{ event_trigger_ddl }} IS 'pgaudit-kit: keeps capture fit for changed tables.';
COMMENT ON EVENT TRIGGER {{ event_trigger_drop }} IS 'pgaudit-kit: notices what is dropped from audited tables.';
COMMENT ON EVENT TRIGGER {{ event_trigger_lend }} IS 'pgaudit-kit: gives new partitions what old ones have.';
COMMENT ON EVENT TRIGGER {{ event_trigger_rearm }} IS 'pgaudit-kit: keeps its triggers ALWAYS.';
COMMENT ON EVENT TRIGGER {{ event_trigger_rewrite }} IS 'pgaudit-kit: records that rows were rewritten.';
COMMENT ON EVENT TRIGGER {{ event_trigger_type }} IS 'pgaudit-kit: records that a type in use was changed.';

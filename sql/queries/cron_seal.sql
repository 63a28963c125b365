-- object:   (query)
-- purpose:  what pg_cron runs every minute: a seal every second until just before the next minute
DO $pgaudit_kit$
DECLARE
    v_patience interval;
    v_end timestamptz;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false);
    v_patience := current_setting('statement_timeout')::interval * 0.9;
    v_end := clock_timestamp() + least(
        interval '57 seconds', CASE WHEN v_patience > interval '0' THEN v_patience END
    );
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM {{ audit }}.seal();
        COMMIT;
        EXIT WHEN clock_timestamp() >= v_end;
        PERFORM pg_sleep(1);
    END LOOP;
END
$pgaudit_kit$

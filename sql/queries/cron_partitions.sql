-- object:   (query)
-- purpose:  what pg_cron runs every minute: makes partitions, and empties the default ones in batches
DO $pgaudit_kit$
DECLARE
    v_done bigint;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false);
    LOOP
        BEGIN
            v_done := {{ audit }}.maintain_partitions(p_limit => 1);
        EXCEPTION WHEN lock_not_available THEN
            v_done := 0; -- in use; the next minute will do
        END;
        COMMIT;
        EXIT WHEN v_done = 0;
    END LOOP;
    LOOP
        BEGIN
            v_done := {{ audit }}.move_default_rows();
        EXCEPTION WHEN lock_not_available THEN
            v_done := 0;
        END;
        COMMIT;
        EXIT WHEN v_done = 0;
    END LOOP;
END
$pgaudit_kit$

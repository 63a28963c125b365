-- object:   function audit.session_name()
-- requires: schema/audit.sql
-- purpose:  what a session under replica role is called: workers of logical replication leave application_name empty
CREATE OR REPLACE FUNCTION {{ audit }}.session_name()
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT coalesce(
        (
            SELECT s.subname::text
            FROM pg_stat_get_subscription(NULL) AS w
            INNER JOIN pg_subscription AS s ON s.oid = w.subid
            WHERE w.pid = pg_backend_pid()
        ), current_setting('application_name')
    )
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.session_name() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.session_name() IS 'Name of the subscription that this session applies, else its application_name.';

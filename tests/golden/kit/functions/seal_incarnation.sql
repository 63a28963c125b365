CREATE OR REPLACE FUNCTION "audit".seal_incarnation(p_boundary bigint)
RETURNS "audit".incarnation_v1
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT s.system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer,
        d.oid::bigint, p_boundary
    FROM pg_control_system() AS s
    INNER JOIN pg_database AS d ON d.datname = current_database()
$fn$;
CREATE OR REPLACE FUNCTION "audit".begin_incarnation()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_highest bigint;
    v_boundary bigint;
BEGIN
    -- Transaction ids may have started anew: what is here already is told by its number, not by theirs.
    PERFORM FROM (
        SELECT e.event_id, count(*) AS events
        FROM "audit".change_events AS e
        GROUP BY e.event_id
        HAVING count(*) > 1
    ) AS d
    WHERE d.events > ( -- what was sealed twice before is for verify to tell
        SELECT count(*)
        FROM "audit".blocks AS b
        CROSS JOIN unnest(b.event_ids) AS i (event_id)
        WHERE d.event_id BETWEEN b.first_event_id AND b.last_event_id AND i.event_id = d.event_id
    );
    IF FOUND THEN
        RAISE EXCEPTION 'the log holds several events of one number: it was restored while triggers recorded'
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Restore again into an empty database: all at once, or with the sections pre-data, data and '
                'post-data in this order. Data alone belongs into a schema without triggers.';
    END IF;
    SELECT max(e.event_id) INTO v_highest FROM "audit".change_events AS e;
    SELECT q.last_value INTO v_boundary FROM "audit".event_id_seq AS q;
    IF v_boundary < v_highest THEN -- a copy that left sequences out
        v_boundary := setval('"audit"."event_id_seq"', v_highest);
    END IF;
    RETURN v_boundary;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".seal_incarnation(bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".begin_incarnation() FROM PUBLIC;
COMMENT ON FUNCTION "audit".seal_incarnation(bigint) IS 'This copy of the database: cluster, timeline, database, and up to which number events are another''s.';
COMMENT ON FUNCTION "audit".begin_incarnation() IS 'Sees to it that a copy can be sealed; returns up to which number events are of before.';

CREATE OR REPLACE FUNCTION "audit".touched_tables(p_event text)
RETURNS SETOF "audit".audited_tables
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off -- a look at each object that was touched, not at all there are
SET enable_mergejoin = off
AS $fn$
DECLARE
    v_touched oid[];
    v_everywhere boolean;
BEGIN
    IF p_event = 'sql_drop' THEN
        SELECT
            array_agg(DISTINCT d.objid) FILTER (WHERE d.classid = 'pg_class'::regclass),
            bool_or(d.classid IN ('pg_trigger'::regclass, 'pg_rewrite'::regclass))
        INTO v_touched, v_everywhere
        FROM pg_event_trigger_dropped_objects() AS d;
    ELSE
        SELECT
            array_agg(DISTINCT coalesce(g.tgrelid, r.ev_class, d.objid))
                FILTER (WHERE d.classid IN ('pg_class'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass)),
            bool_or(d.classid = 'pg_namespace'::regclass)
        INTO v_touched, v_everywhere
        FROM pg_event_trigger_ddl_commands() AS d
        LEFT JOIN pg_trigger AS g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
        LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid;
    END IF;
    IF v_touched IS NULL AND v_everywhere IS NOT TRUE THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE below AS (
        SELECT unnest(v_touched) AS relation
        UNION
        SELECT i.inhrelid
        FROM below AS u
        INNER JOIN pg_inherits AS i ON i.inhparent = u.relation
    ),

    above AS (
        SELECT unnest(v_touched) AS relation
        UNION
        SELECT i.inhparent
        FROM above AS u
        INNER JOIN pg_inherits AS i ON i.inhrelid = u.relation
    )

    SELECT t.*
    FROM "audit".audited_tables AS t
    WHERE t.enabled AND (
        v_everywhere
        OR t.relation IN (SELECT u.relation FROM below AS u)
        OR t.relation IN (SELECT u.relation FROM above AS u)
        -- what is dropped or detached has nothing above it any more
        OR t.table_id IN (SELECT d.table_id FROM "audit".descendants AS d WHERE d.relation = ANY (v_touched))
    )
    ORDER BY t.table_id;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".touched_tables(text) FROM PUBLIC;
COMMENT ON FUNCTION "audit".touched_tables(text) IS 'Audited tables that the DDL command of an event trigger may have changed.';

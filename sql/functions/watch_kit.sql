-- object:   function audit.is_new(xid)
-- object:   function audit.access_touched(text)
-- object:   function audit.guards_touched(text)
-- object:   function audit.watch_kit(text, text, jsonb)
-- requires: functions/note_config.sql, tables/change_events.sql
-- purpose:  who changed guards or access of the kit, by which command; that they changed the next seal finds anyway
-- What a plan of the kit's does stands in an event of its own, the first of its transaction. So does the placing
-- of a partition in its region. A table that is
-- made in this transaction, a partition of the log mostly, guards nothing yet.
CREATE OR REPLACE FUNCTION {{ audit }}.is_new(p_xmin xid)
RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT age(p_xmin) <= 0 $fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.access_touched(p_command text)
RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF p_command = 'ALTER DEFAULT PRIVILEGES' THEN
        RETURN (
            SELECT array_agg('default privileges'::text)
            FROM {{ audit }}.config_seen AS s
            WHERE s.access <> (SELECT n.access FROM {{ audit }}.config_state() AS n)
        );
    END IF;
    IF p_command NOT IN ('GRANT', 'REVOKE') THEN
        RETURN NULL;
    END IF;
    -- GRANT does not say on what: the catalog rows that it wrote do; is_new() as an expression, since there are many
    RETURN (
        SELECT array_agg(o.name ORDER BY o.name)
        FROM (
            SELECT 'schema ' || n.nspname AS name
            FROM pg_namespace AS n
            WHERE n.oid = {{ schema_literal }}::regnamespace AND age(n.xmin) <= 0
            UNION ALL
            SELECT c.oid::regclass::text
            FROM pg_class AS c
            WHERE c.relnamespace = {{ schema_literal }}::regnamespace
                AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                AND NOT EXISTS (SELECT FROM pg_type AS y WHERE y.oid = c.reltype AND age(y.xmin) <= 0)
                AND (age(c.xmin) <= 0 OR EXISTS (
                    SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND age(a.xmin) <= 0
                ))
            UNION ALL
            SELECT p.oid::regprocedure::text
            FROM pg_proc AS p
            WHERE p.pronamespace = {{ schema_literal }}::regnamespace AND age(p.xmin) <= 0
                AND p.prorettype <> 'trigger'::regtype -- grant_to_owners() gives them to who makes partitions
        ) AS o
    );
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.guards_touched(p_event text)
RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off -- a look at each object that was touched, not at all there are
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan -- made once in a session, not for each of the first commands
AS $fn$
DECLARE
    v_following text[] := '{}'::text[];
BEGIN
    IF p_event = 'sql_drop' THEN
        RETURN (
            SELECT array_agg(DISTINCT d.object_type || ' ' || d.object_identity)
            FROM pg_event_trigger_dropped_objects() AS d
            LEFT JOIN pg_class AS c ON c.relnamespace = {{ schema_literal }}::regnamespace
                AND c.relname = d.address_names[2]
            LEFT JOIN pg_type AS y ON y.oid = c.reltype
            WHERE d.original AND d.address_names[1] = {{ schema_name }}
                AND d.object_type IN ('function', 'table', 'view', 'policy', 'trigger', 'rule')
                AND {{ audit }}.is_new(y.xmin) IS NOT TRUE
        );
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() AS d
        WHERE d.schema_name = {{ schema_name }}
            OR d.classid IN (
                'pg_namespace'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass
            )
    ) THEN
        RETURN NULL; -- as for most commands, which should not wait for more catalogs to be read
    END IF;
    -- the log is read only where it may matter: each of its partitions has to be locked for that
    IF EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() AS d
        WHERE d.classid = 'pg_proc'::regclass AND d.schema_name = {{ schema_name }}
    ) THEN
        -- capture functions follow their tables, and table-changed says so
        v_following := ARRAY(
            SELECT f.prefix || e.table_id
            FROM {{ audit }}.change_events AS e
            CROSS JOIN unnest('{tg_capture_,tg_bulk_}'::text[]) AS f (prefix)
            WHERE e.transaction_id = txid_current() AND e.occurred_at >= now() AND e.operation = 'C'
                AND e.table_id IS NOT NULL
        );
    END IF;
    RETURN (
        SELECT array_agg(DISTINCT d.object_type || ' ' || d.object_identity)
        FROM pg_event_trigger_ddl_commands() AS d
        LEFT JOIN pg_policy AS l ON d.classid = 'pg_policy'::regclass AND l.oid = d.objid
        LEFT JOIN pg_trigger AS g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
        LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        LEFT JOIN pg_class AS c ON c.oid = coalesce(
            l.polrelid, g.tgrelid, r.ev_class, CASE d.classid WHEN 'pg_class'::regclass THEN d.objid END
        )
        LEFT JOIN pg_type AS y ON y.oid = c.reltype
        LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        WHERE d.command_tag <> 'COMMENT' AND (
            d.classid = 'pg_namespace'::regclass AND d.objid = {{ schema_literal }}::regnamespace
            OR p.pronamespace = {{ schema_literal }}::regnamespace AND p.proname <> ALL (v_following)
            OR c.relnamespace = {{ schema_literal }}::regnamespace AND NOT {{ audit }}.is_new(y.xmin) AND (
                d.classid IN ('pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass)
                OR c.relkind IN ('v', 'm')
                OR c.relkind IN ('r', 'p') AND (
                    EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND {{ audit }}.is_new(t.xmin))
                    -- owner and row security, as the last seal saw them
                    OR NOT c.relispartition AND EXISTS (
                        SELECT FROM {{ audit }}.config_seen AS s
                        WHERE {% include 'snippets/table_line.sql' %} <> ALL (s.guard_lines)
                    )
                    OR c.relispartition AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
                )
            )
        )
    );
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.watch_kit(p_event text, p_command text, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_detail jsonb;
BEGIN
    v_detail := jsonb_build_object('kind', 'access-changed', 'objects', {{ audit }}.access_touched(p_command));
    IF v_detail -> 'objects' = 'null' THEN
        v_detail := jsonb_build_object('kind', 'guards-changed', 'objects', {{ audit }}.guards_touched(p_event));
    END IF;
    IF v_detail -> 'objects' = 'null' THEN
        RETURN;
    END IF;
    v_detail := v_detail || p_statement;
    PERFORM {{ audit }}.record_control(v_detail ->> 'kind', v_detail)
    WHERE NOT EXISTS ( -- a plan of the kit's tells of itself; what tg_ddl_rearm puts back is of the same command
        SELECT FROM {{ audit }}.change_events AS e
        WHERE e.transaction_id = txid_current() AND e.occurred_at >= now() AND e.operation = 'C'
            AND (e.new_values ->> 'kind' IN ('kit-changed', 'partition-placed') OR e.new_values = v_detail)
    );
EXCEPTION WHEN undefined_table OR undefined_function OR undefined_column OR insufficient_privilege THEN
    -- a part of the kit is gone that this needs, if it is the owner's policy; the digests in the seals tell
    RAISE LOG 'pgaudit-kit: % could not be recorded: %', p_command, SQLERRM;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.is_new(xid) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.access_touched(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.guards_touched(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.watch_kit(text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.is_new(xid) IS 'Whether this transaction, or a later one, wrote a row.';
COMMENT ON FUNCTION {{ audit }}.access_touched(text) IS 'Objects of the kit on which the DDL command of an event trigger granted or revoked.';
COMMENT ON FUNCTION {{ audit }}.guards_touched(text) IS 'Functions, policies, triggers, rules and tables of the kit that the DDL command of an event trigger changed.';
COMMENT ON FUNCTION {{ audit }}.watch_kit(text, text, jsonb) IS 'Records who changed guards or access of the kit, by which command.';

-- object:   function audit.reading_table(regclass)
-- object:   function audit.history(regclass, text)
-- object:   function audit.as_of(regclass, text, timestamptz)
-- object:   function audit.page(…)
-- requires: functions/note_read.sql, views/events.sql, views/stored_events.sql, views/personal_data.sql, views/readable_tenants.sql
-- purpose:  what people ask of the log; each sees what its caller may see, and says that it was asked
-- They run with the caller's rights: the views' policies then ask about the caller.
CREATE OR REPLACE FUNCTION {{ audit }}.reading_table(
    p_relation regclass, OUT table_ids integer[], OUT key_columns text[], OUT personal_key boolean
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER -- readers have no right on the registry
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
BEGIN
    SELECT
        array_agg(t.table_id ORDER BY t.table_id),
        (SELECT v.key_columns FROM {{ audit }}.table_versions AS v
         WHERE v.table_id = max(t.table_id) ORDER BY v.table_version DESC LIMIT 1),
        -- also of tables whose key was personal once
        coalesce(bool_or(EXISTS (SELECT FROM {{ audit }}.personal_keys AS k WHERE k.table_id = t.table_id)), false)
    INTO table_ids, key_columns, personal_key
    FROM {{ audit }}.audited_tables AS t
    WHERE t.relation = coalesce(pg_partition_root(p_relation), p_relation);
    IF table_ids IS NULL THEN
        RAISE EXCEPTION '% was never audited', coalesce(p_relation::text, 'NULL') USING ERRCODE = 'undefined_table',
            HINT = 'table_name in the view events says what was.';
    END IF;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.history(relation regclass, key text)
RETURNS TABLE (
    event_id bigint, occurred_at timestamptz, tenant_id text, operation text, actor_id text, action text,
    old_values jsonb, new_values jsonb, context jsonb, block_number bigint, event_hash bytea
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off -- a query over many partitions is compiled for longer than it runs
AS $fn$
#variable_conflict use_column
DECLARE
    v_table record;
    v_key text := CASE WHEN octet_length(key) > 1000
        THEN 'sha256:' || encode(sha256(convert_to(key, 'UTF8')), 'hex') ELSE key END;
    v_rows bigint;
BEGIN
    SELECT t.* INTO v_table FROM {{ audit }}.reading_table(relation) AS t;
    IF v_table.personal_key THEN -- found by looking at each event of the table that the caller may see
        RETURN QUERY
        SELECT
            e.event_id, e.occurred_at, e.tenant_id, e.operation, e.actor_id, e.action, e.old_values,
            e.new_values, e.context, e.block_number, e.event_hash
        FROM {{ audit }}.events AS e
        WHERE e.table_id = ANY (v_table.table_ids) AND e.record_key = v_key
        ORDER BY e.event_id;
    ELSE
        RETURN QUERY
        SELECT
            e.event_id, e.occurred_at, e.tenant_id, e.operation, e.actor_id, e.action, e.old_values,
            e.new_values, e.context, e.block_number, e.event_hash
        FROM {{ audit }}.events AS e
        WHERE e.table_id = ANY (v_table.table_ids) AND e.stored_key = v_key
        ORDER BY e.event_id;
    END IF;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    PERFORM {{ audit }}.note_reading(
        current_user, 'history', jsonb_build_object('relation', relation::text, 'key', v_key), v_rows
    );
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.as_of(relation regclass, key text, at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_keys text[] := (SELECT t.key_columns FROM {{ audit }}.reading_table(relation) AS t);
    v_event record;
    v_row jsonb;
BEGIN
    FOR v_event IN
        SELECT h.operation, h.old_values, h.new_values
        FROM {{ audit }}.history(relation, key) AS h
        WHERE h.occurred_at <= at
        ORDER BY h.event_id
    LOOP
        v_row := CASE
            WHEN v_event.operation IN ('INSERT', 'BASELINE') THEN v_event.new_values
            WHEN v_event.operation = 'DELETE' OR v_event.new_values IS NULL THEN NULL -- gone, or another tenant's
            WHEN v_event.new_values ?| v_keys AND v_event.old_values IS NOT NULL THEN NULL -- has another key since
            WHEN v_event.old_values IS NULL THEN v_event.new_values -- came from another tenant, whole
            ELSE v_row || v_event.new_values -- NULL where the row's beginning is not in the log
        END;
    END LOOP;
    RETURN v_row;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.page(
    relation regclass DEFAULT NULL,
    tenants text[] DEFAULT NULL,
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    before bigint DEFAULT NULL,
    page_size integer DEFAULT 50
)
RETURNS TABLE (
    event_id bigint, occurred_at timestamptz, tenant_id text, table_name text, operation text, record_key text,
    actor_id text, action text, old_values jsonb, new_values jsonb, context jsonb
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off -- a query over many partitions is compiled for longer than it runs
SET plan_cache_mode = force_generic_plan -- and planned for longer; partitions are left out when it starts
AS $fn$
#variable_conflict use_column
DECLARE
    v_ids integer[];
    v_size integer := least(greatest(coalesce(page_size, 50), 1), 1000);
    v_rows bigint;
    v_of text[] := tenants;
    v_page {{ audit }}.stored_events[];
    v_personal bigint[];
    v_data {{ audit }}.personal_data[];
    v_from timestamptz := coalesce(since, '-infinity');
    v_to timestamptz := coalesce(until, 'infinity');
    v_before bigint := coalesce(before, 9223372036854775807);
BEGIN
    IF v_of IS NULL AND NOT pg_has_role(current_user, {{ auditor_literal }}, 'usage') THEN
        v_of := ARRAY(SELECT t.tenant_id FROM {{ audit }}.readable_tenants AS t);
    END IF;
    IF relation IS NOT NULL THEN -- how rare its events are decides about the plan
        v_ids := (SELECT t.table_ids FROM {{ audit }}.reading_table(relation) AS t);
        EXECUTE
            'SELECT ARRAY(SELECT e FROM {{ audit }}.stored_events AS e WHERE e.table_id = ANY ($1)'
            ' AND e.occurred_at >= $2 AND e.occurred_at < $3 AND e.event_id < $4'
            || CASE WHEN v_of IS NULL THEN '' ELSE ' AND e.tenant_id = ANY ($6)' END
            || ' ORDER BY e.event_id DESC LIMIT $5)'
        INTO v_page USING v_ids, v_from, v_to, v_before, v_size, v_of;
    ELSIF v_of IS NULL THEN
        v_page := ARRAY(
            SELECT e FROM {{ audit }}.stored_events AS e
            WHERE e.occurred_at >= v_from AND e.occurred_at < v_to AND e.event_id < v_before
            ORDER BY e.event_id DESC LIMIT v_size
        );
    ELSE -- in each tenant's index from its end
        v_page := ARRAY(
            SELECT p.e
            FROM unnest(v_of) AS t (tenant_id)
            CROSS JOIN LATERAL (
                SELECT e, e.event_id FROM {{ audit }}.stored_events AS e
                WHERE e.tenant_id = t.tenant_id
                    AND e.occurred_at >= v_from AND e.occurred_at < v_to AND e.event_id < v_before
                ORDER BY e.event_id DESC LIMIT v_size
            ) AS p
            ORDER BY p.event_id DESC LIMIT v_size
        );
    END IF;
    SELECT array_agg(p.event_id), min(p.occurred_at), max(p.occurred_at) INTO v_personal, v_from, v_to
    FROM unnest(v_page) AS p
    WHERE p.has_personal OR starts_with(p.record_key, 'sha256:');
    IF v_personal IS NOT NULL THEN
        v_data := ARRAY(
            SELECT d FROM {{ audit }}.personal_data AS d
            WHERE d.event_id = ANY (v_personal) AND d.occurred_at >= v_from AND d.occurred_at <= v_to
        );
    END IF;
    RETURN QUERY
    SELECT
        p.event_id, p.occurred_at, p.tenant_id, p.table_name, p.operation,
        coalesce(k.record_key, p.record_key), p.actor_id, p.action,
        coalesce(p.old_values || d.old_values, p.old_values, d.old_values),
        coalesce(p.new_values || d.new_values, p.new_values, d.new_values),
        p.context || coalesce(d.context, '{}')
    FROM unnest(v_page) AS p
    LEFT JOIN unnest(v_data) AS d
        ON p.has_personal AND d.event_id = p.event_id AND d.occurred_at = p.occurred_at AND d.record_key IS NULL
    LEFT JOIN unnest(v_data) AS k
        ON k.event_id = p.event_id AND k.occurred_at = p.occurred_at AND k.record_key IS NOT NULL
    ORDER BY p.event_id DESC;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    PERFORM {{ audit }}.note_reading(
        current_user, 'page', jsonb_strip_nulls(jsonb_build_object(
            'relation', relation::text, 'tenants', tenants, 'since', since, 'until', until, 'before', before
        )), v_rows
    );
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.reading_table(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.history(regclass, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.as_of(regclass, text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.page(regclass, text[], timestamptz, timestamptz, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {{ audit }}.reading_table(regclass) TO {{ reader }}, {{ auditor }};
GRANT EXECUTE ON FUNCTION {{ audit }}.history(regclass, text) TO {{ reader }}, {{ auditor }};
GRANT EXECUTE ON FUNCTION {{ audit }}.as_of(regclass, text, timestamptz) TO {{ reader }}, {{ auditor }};
GRANT EXECUTE ON FUNCTION {{ audit }}.page(regclass, text[], timestamptz, timestamptz, bigint, integer)
TO {{ reader }}, {{ auditor }};
COMMENT ON FUNCTION {{ audit }}.reading_table(regclass) IS 'Under which numbers a table, or the one it is a partition of, is in the log.';
COMMENT ON FUNCTION {{ audit }}.history(regclass, text) IS 'What happened to the row with this key, oldest first.';
COMMENT ON FUNCTION {{ audit }}.as_of(regclass, text, timestamptz) IS 'The row with this key as it was then; NULL where there was none, or the log does not have its beginning.';
COMMENT ON FUNCTION {{ audit }}.page(regclass, text[], timestamptz, timestamptz, bigint, integer) IS 'A page of events, newest first; before continues it.';

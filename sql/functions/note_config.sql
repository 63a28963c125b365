-- object:   function audit.changed_lines(text[], text[])
-- object:   function audit.note_config(boolean)
-- requires: functions/config_fingerprint.sql, functions/record_control.sql, tables/config_seen.sql
-- purpose:  a seal that finds guards or access other than the last one did says in the log what has changed
-- Who did it only an event trigger sees, and memberships not even that. access-changed names both digests
-- that went into the sealed fingerprint, so that it explains a change of access and nothing else to verify.
CREATE OR REPLACE FUNCTION {{ audit }}.changed_lines(p_before text[], p_after text[])
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    WITH changed AS (
        SELECT 'added' AS what, a.line
        FROM (SELECT unnest(p_after) EXCEPT SELECT unnest(p_before)) AS a (line)
        UNION ALL
        SELECT 'removed', r.line
        FROM (SELECT unnest(p_before) EXCEPT SELECT unnest(p_after)) AS r (line)
    ),

    numbered AS (
        SELECT c.what, c.line, row_number() OVER (PARTITION BY c.what ORDER BY c.line COLLATE "C") AS number
        FROM changed AS c
    )

    SELECT jsonb_build_object(
        'added', coalesce(jsonb_agg(n.line::jsonb ORDER BY n.number)
            FILTER (WHERE n.what = 'added' AND n.number <= 100), '[]'),
        'removed', coalesce(jsonb_agg(n.line::jsonb ORDER BY n.number)
            FILTER (WHERE n.what = 'removed' AND n.number <= 100), '[]'),
        'more', count(*) FILTER (WHERE n.number > 100)
    )
    FROM numbered AS n
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.note_config(p_new_incarnation boolean)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_now record;
    v_seen {{ audit }}.config_seen;
BEGIN
    SELECT * INTO v_now FROM {{ audit }}.config_state();
    SELECT * INTO v_seen FROM {{ audit }}.config_seen;
    IF v_seen.guards = v_now.guards AND v_seen.access = v_now.access THEN
        RETURN v_now.fingerprint;
    END IF;
    IF v_seen.guards <> v_now.guards AND NOT p_new_incarnation THEN -- in a copy every row version is new
        PERFORM {{ audit }}.record_control(
            'guards-changed', {{ audit }}.changed_lines(v_seen.guard_lines, v_now.guard_lines)
        );
    END IF;
    IF v_seen.access <> v_now.access THEN
        PERFORM {{ audit }}.record_control('access-changed', jsonb_build_object(
            'guards', CASE v_seen.guards WHEN v_now.guards THEN v_now.guards END,
            'access', jsonb_build_array(v_seen.access, v_now.access)
        ) || {{ audit }}.changed_lines(v_seen.access_lines, v_now.access_lines));
    END IF;
    INSERT INTO {{ audit }}.config_seen AS s (guards, access, guard_lines, access_lines)
    VALUES (v_now.guards, v_now.access, v_now.guard_lines, v_now.access_lines)
    ON CONFLICT ON CONSTRAINT config_seen_only_row_pk DO UPDATE
    SET guards = excluded.guards,
        access = excluded.access,
        guard_lines = excluded.guard_lines,
        access_lines = excluded.access_lines;
    RETURN v_now.fingerprint;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.changed_lines(text[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.note_config(boolean) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.changed_lines(text[], text[]) IS 'Which lines one list has and the other has not.';
COMMENT ON FUNCTION {{ audit }}.note_config(boolean) IS 'Records what changed of guards and access since the last seal; returns their digest.';

CREATE OR REPLACE FUNCTION "audit".trigger_state(p_relation oid)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT coalesce(string_agg(s.line, ', ' ORDER BY s.line COLLATE "C"), '')
    FROM (
        SELECT format('%I %s', g.tgname, g.tgenabled)
            || CASE WHEN g.tgqual IS NOT NULL OR g.tgattr::text <> '' THEN ' sometimes' ELSE '' END AS line
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        WHERE g.tgrelid = p_relation AND p.pronamespace = '"audit"'::regnamespace
        UNION ALL
        SELECT format('%s.%I %s', g.tgrelid::regclass, g.tgname, g.tgenabled)
        FROM pg_partition_tree(p_relation) AS t
        INNER JOIN pg_trigger AS g ON g.tgrelid = t.relid
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        WHERE t.relid <> p_relation AND g.tgenabled <> 'A'
            AND NOT ( -- on its way to ALWAYS: tg_ddl_rearm follows
                g.tgenabled = 'O' AND g.tgfoid = '"audit"."tg_truncate"'::regproc AND EXISTS (
                    SELECT FROM pg_trigger AS r WHERE r.tgrelid = p_relation AND r.tgname = g.tgname
                )
            )
            AND p.pronamespace = '"audit"'::regnamespace
        UNION ALL
        -- a statement on its parent fires no statement triggers of a table
        SELECT format('below %s', h.inhparent::regclass)
        FROM pg_inherits AS h
        WHERE h.inhrelid = p_relation AND EXISTS (
            SELECT FROM pg_trigger AS g
            INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
            WHERE g.tgrelid = p_relation AND p.pronamespace = '"audit"'::regnamespace
                AND num_nonnulls(g.tgoldtable, g.tgnewtable) > 0
        )
        UNION ALL
        SELECT format('rule %I %s', r.rulename, r.ev_enabled)
        FROM pg_rewrite AS r
        WHERE r.ev_class = p_relation AND r.ev_type <> '1'
    ) AS s
$fn$;
REVOKE ALL ON FUNCTION "audit".trigger_state(oid) FROM PUBLIC;
COMMENT ON FUNCTION "audit".trigger_state(oid) IS 'The kit''s triggers and any rules on a table, each with how it is enabled (A = always).';

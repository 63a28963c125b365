CREATE OR REPLACE FUNCTION "audit".config_fingerprint()
RETURNS text
LANGUAGE sql
STABLE
SECURITY DEFINER -- sealers need not read the catalogs of others
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the same digest whoever seals
AS $fn$
    -- numbers and no names, and nothing that a function looks up, which sees what committed after the snapshot
    SELECT encode(sha256(convert_to(coalesce(string_agg(s.line, E'\n' ORDER BY s.line COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM (
        SELECT json_build_array(
            'function', p.proname, p.proargtypes::text, p.xmin::text,
            p.proowner, p.prosecdef, p.proconfig, encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
        )::text AS line
        FROM pg_proc AS p
        WHERE p.pronamespace = '"audit"'::regnamespace
        UNION ALL
        SELECT json_build_array(
            'trigger', g.tgrelid, g.tgname, g.tgenabled, g.xmin::text, g.tgfoid, g.tgtype, g.tgattr::text,
            encode(g.tgargs, 'hex'), g.tgqual::text
        )::text
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE p.pronamespace = '"audit"'::regnamespace AND g.tgparentid = 0
            AND NOT (c.relnamespace = '"audit"'::regnamespace AND c.relispartition)
            AND NOT (c.relispartition AND p.proname = 'tg_truncate')
        UNION ALL
        -- on partitions of audited tables, which come and go as well
        SELECT json_build_array('clones', bool_and(g.tgenabled = 'A') IS NOT FALSE)::text
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE p.pronamespace = '"audit"'::regnamespace
            AND (g.tgparentid <> 0 OR (c.relispartition AND p.proname = 'tg_truncate'))
            AND c.relnamespace <> '"audit"'::regnamespace
        UNION ALL
        SELECT json_build_array(
            'table', c.relname, c.relowner, c.relrowsecurity, c.relforcerowsecurity
        )::text
        FROM pg_class AS c
        WHERE c.relnamespace = '"audit"'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
        UNION ALL
        -- partitions come and go: what counts is whether any is unguarded
        SELECT json_build_array(
            'partitions', i.inhparent, bool_and(c.relowner = o.relowner),
            bool_and(c.relrowsecurity), bool_and(c.relforcerowsecurity),
            bool_and((
                SELECT bool_and(g.tgenabled = 'A') FROM pg_trigger AS g WHERE g.tgrelid = c.oid
            ) IS NOT FALSE)
        )::text
        FROM pg_inherits AS i
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        INNER JOIN pg_class AS o ON o.oid = i.inhparent
        WHERE o.relnamespace = '"audit"'::regnamespace AND o.relkind = 'p'
        GROUP BY i.inhparent
        UNION ALL
        SELECT json_build_array('event trigger', e.evtname, e.evtenabled, e.evtevent, e.xmin::text)::text
        FROM pg_event_trigger AS e
        INNER JOIN pg_proc AS p ON p.oid = e.evtfoid
        WHERE p.pronamespace = '"audit"'::regnamespace
    ) AS s
$fn$;
REVOKE ALL ON FUNCTION "audit".config_fingerprint() FROM PUBLIC;
COMMENT ON FUNCTION "audit".config_fingerprint() IS 'Digest over the kit''s triggers, functions and guards as they stand in the catalogs.';

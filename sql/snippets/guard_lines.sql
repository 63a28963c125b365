        -- numbers and no names, and nothing that a function looks up, which sees what committed after the snapshot
        SELECT json_build_array(
            'function', p.proname, p.proargtypes::text, p.xmin::text,
            p.proowner, p.prosecdef, p.proconfig, encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
        )::text AS line
        FROM pg_proc AS p
        WHERE p.pronamespace = {{ schema_literal }}::regnamespace
        UNION ALL
        SELECT json_build_array(
            'trigger', g.tgrelid, g.tgname, g.tgenabled, g.xmin::text, g.tgfoid, g.tgtype, g.tgattr::text,
            encode(g.tgargs, 'hex'), g.tgqual::text
        )::text
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE g.tgparentid = 0
            AND (
                p.pronamespace = {{ schema_literal }}::regnamespace
                -- somebody else's on a table of the kit, who could let events vanish
                OR c.relnamespace = {{ schema_literal }}::regnamespace AND NOT g.tgisinternal
            )
            AND NOT (c.relnamespace = {{ schema_literal }}::regnamespace AND c.relispartition)
            AND NOT (c.relispartition AND p.proname = 'tg_truncate')
        UNION ALL
        -- on partitions of audited tables, which come and go as well
        SELECT json_build_array('clones', bool_and(g.tgenabled = 'A') IS NOT FALSE)::text
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        INNER JOIN pg_class AS c ON c.oid = g.tgrelid
        WHERE p.pronamespace = {{ schema_literal }}::regnamespace
            AND (g.tgparentid <> 0 OR (c.relispartition AND p.proname = 'tg_truncate'))
            AND c.relnamespace <> {{ schema_literal }}::regnamespace
        UNION ALL
        SELECT {% include 'snippets/table_line.sql' %}

        FROM pg_class AS c
        WHERE c.relnamespace = {{ schema_literal }}::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
        UNION ALL
        SELECT json_build_array('policy', c.relname, l.polname, l.xmin::text)::text
        FROM pg_policy AS l
        INNER JOIN pg_class AS c ON c.oid = l.polrelid
        WHERE c.relnamespace = {{ schema_literal }}::regnamespace AND NOT c.relispartition
        UNION ALL
        -- of views and tables; a view that is replaced gets a new one
        SELECT json_build_array('rule', c.relname, r.rulename, r.ev_enabled, r.xmin::text)::text
        FROM pg_rewrite AS r
        INNER JOIN pg_class AS c ON c.oid = r.ev_class
        WHERE c.relnamespace = {{ schema_literal }}::regnamespace
        UNION ALL
        -- partitions come and go: what counts is whether any is unguarded
        SELECT json_build_array(
            'partitions', coalesce(h.inhparent, i.inhparent), bool_and(c.relowner = o.relowner),
            bool_and(c.relrowsecurity), bool_and(c.relforcerowsecurity),
            bool_and((
                SELECT bool_and(g.tgenabled = 'A' AND p.pronamespace = {{ schema_literal }}::regnamespace)
                FROM pg_trigger AS g
                INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
                WHERE g.tgrelid = c.oid
            ) IS NOT FALSE),
            bool_and(
                ARRAY(SELECT l.polname FROM pg_policy AS l WHERE l.polrelid = c.oid ORDER BY l.polname)
                = ARRAY(SELECT l.polname FROM pg_policy AS l WHERE l.polrelid = o.oid ORDER BY l.polname)
            ),
            -- a partition gets its guard and its policies in one transaction: what is younger was altered
            bool_and(NOT EXISTS (
                SELECT FROM pg_policy AS l
                INNER JOIN pg_trigger AS g ON g.tgrelid = l.polrelid AND g.tgname = 'append_only_truncate'
                WHERE l.polrelid = c.oid AND l.xmin <> g.xmin
            ))
        )::text
        FROM pg_inherits AS i
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        INNER JOIN pg_class AS o ON o.oid = i.inhparent
        LEFT JOIN pg_inherits AS h ON h.inhrelid = i.inhparent -- partitions may be divided by region
        WHERE o.relnamespace = {{ schema_literal }}::regnamespace AND o.relkind = 'p'
        GROUP BY coalesce(h.inhparent, i.inhparent)
        UNION ALL
        SELECT json_build_array('event trigger', e.evtname, e.evtenabled, e.evtevent, e.xmin::text)::text
        FROM pg_event_trigger AS e
        INNER JOIN pg_proc AS p ON p.oid = e.evtfoid
        WHERE p.pronamespace = {{ schema_literal }}::regnamespace

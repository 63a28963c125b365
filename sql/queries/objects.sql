-- object:   (query)
-- purpose:  what is installed: each function, view, policy and trigger with its definition and comment
SELECT
    'function' AS kind,
    p.proname::text AS name,
    NULL::text AS parent_schema,
    NULL::text AS parent,
    pg_get_functiondef(p.oid) || E'\n' || p.proowner::regrole::text || E'\n' || coalesce((
        SELECT string_agg(a.item::text, ',' ORDER BY a.item::text)
        FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) AS a (item)
        -- which of these there should be changes with the tables
        WHERE NOT EXISTS (
            SELECT FROM (SELECT p.oid, x.grantee FROM aclexplode(ARRAY[a.item]) AS x) AS g
            WHERE EXISTS (
                {% include 'snippets/partitioner.sql' %}

            )
        )
    ), '-') AS definition,
    obj_description(p.oid, 'pg_proc') AS comment,
    format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS target
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = {{ schema_name }}
UNION ALL
SELECT
    'view', c.relname, NULL, NULL,
    pg_get_viewdef(c.oid) || E'\n' || c.relowner::regrole::text || E'\n' || coalesce((
        SELECT string_agg(a.item, ',' ORDER BY a.item)
        FROM (SELECT unnest(coalesce(c.relacl, acldefault('r', c.relowner)))::text AS item) AS a
    ), '-'),
    obj_description(c.oid, 'pg_class'),
    format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {{ schema_name }} AND c.relkind = 'v'
UNION ALL
SELECT
    'policy', l.polname, n.nspname, c.relname,
    concat_ws(E'\n', l.polcmd, l.polpermissive, (
        SELECT string_agg(r::regrole::text, ',' ORDER BY r::regrole::text) FROM unnest(l.polroles) AS r
    ), pg_get_expr(l.polqual, l.polrelid), pg_get_expr(l.polwithcheck, l.polrelid)),
    obj_description(l.oid, 'pg_policy'),
    format('%I ON %I.%I', l.polname, n.nspname, c.relname)
FROM pg_policy AS l
INNER JOIN pg_class AS c ON c.oid = l.polrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {{ schema_name }} AND NOT c.relispartition
UNION ALL
SELECT
    'trigger', g.tgname, n.nspname, c.relname,
    pg_get_triggerdef(g.oid) || E'\n' || g.tgenabled::text,
    obj_description(g.oid, 'pg_trigger'),
    format('%I ON %I.%I', g.tgname, n.nspname, c.relname)
FROM pg_trigger AS g
INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
INNER JOIN pg_namespace AS f ON f.oid = p.pronamespace
INNER JOIN pg_class AS c ON c.oid = g.tgrelid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE f.nspname = {{ schema_name }} AND g.tgparentid = 0
    AND NOT (n.nspname = {{ schema_name }} AND c.relispartition)
UNION ALL
SELECT
    'event trigger', e.evtname, NULL, NULL,
    concat_ws(E'\n', e.evtevent, e.evtenabled, p.proname),
    obj_description(e.oid, 'pg_event_trigger'),
    format('%I', e.evtname)
FROM pg_event_trigger AS e
INNER JOIN pg_proc AS p ON p.oid = e.evtfoid
INNER JOIN pg_namespace AS f ON f.oid = p.pronamespace
WHERE f.nspname = {{ schema_name }}

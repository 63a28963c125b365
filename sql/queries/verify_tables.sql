-- object:   (query)
-- purpose:  audited tables as they are now, and why the rows of one cannot be compared with its events
SELECT
    t.table_id,
    c.oid::bigint AS relation,
    n.nspname AS schema_name,
    c.relname AS table_name,
    c.relkind::text AS kind,
    coalesce(t.declaration #>> '{tenant,kind}', 'none') AS tenant_kind,
    t.declaration #>> '{tenant,name}' AS tenant_name,
    v.columns AS recorded_columns,
    v.key_columns,
    (
        WITH kinds AS (
{% with relation = sql('c.oid') %}{% include 'snippets/column_kinds.sql' %}{% endwith %}

        )

        SELECT jsonb_agg(jsonb_build_object(
            'name', k.attname, 'kind', k.kind, 'type', k.type_name, 'base', format_type(k.base_type, NULL),
            'is_tenant', k.attname = (
                SELECT r.name FROM jsonb_to_recordset(v.columns) AS r (attnum integer, name text)
                WHERE r.attnum = t.tenant_attnum
            )
        ) ORDER BY k.attnum)
        FROM kinds AS k
        WHERE k.attgenerated <> 'v'
    ) AS columns,
    CASE
        WHEN c.oid IS NULL THEN 'it is gone'
        WHEN NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
            THEN 'this role may not read it'
        WHEN row_security_active(c.oid) THEN 'row security may hide rows from this role'
        WHEN EXISTS (
            SELECT FROM unnest(v.key_columns) AS k (name)
            LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = k.name
            WHERE a.attnum IS NULL
        ) THEN 'its key was renamed or dropped since the last pgaudit-kit apply'
        WHEN NOT u.there THEN 'its key is not unique: no constraint says so'
        ELSE (
{% with relation = sql('c.oid') %}{% include 'snippets/evaluated_functions.sql' %}{% endwith %}

            SELECT coalesce(
                (
                    SELECT min(format('%%s is a foreign table', f.oid::regclass))
                    FROM tree AS b
                    INNER JOIN pg_class AS f ON f.oid = b.relation
                    WHERE f.relkind = 'f'
                ),
                (
                    SELECT min(format('reading it would call %%s with the rights of this role', p.oid::regprocedure))
                    FROM called AS d
                    INNER JOIN pg_proc AS p ON p.oid = d.function
                    INNER JOIN pg_roles AS r ON r.oid = p.proowner
                    WHERE NOT r.rolsuper AND r.rolname <> current_user
                )
            )
        )
    END AS unreadable,
    CASE
        WHEN t.declaration ? 'when' OR NOT t.declaration -> 'operations' @> '["insert", "update", "delete"]'
            THEN 'not all of its changes are recorded, as it was declared'
        WHEN t.key_attnums && t.personal_attnums THEN 'its key is personal, and kept apart'
        WHEN u.there AND NOT u.always
            THEN 'its key is not unique at every moment: the constraint is deferrable, or columns may be NULL'
    END AS incomparable,
    (
        SELECT count(*) FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        WHERE g.tgrelid = c.oid AND p.pronamespace = {{ schema_literal }}::regnamespace AND g.tgtype & 1 = 1
    ) AS row_triggers,
    (
        SELECT array_agg(format('%%I', g.tgname) ORDER BY g.tgname) FROM pg_trigger AS g
        INNER JOIN pg_proc AS p ON p.oid = g.tgfoid
        WHERE g.tgrelid = c.oid AND p.pronamespace = {{ schema_literal }}::regnamespace AND g.tgenabled <> 'A'
    ) AS off
FROM {{ audit }}.audited_tables AS t
LEFT JOIN {{ audit }}.table_versions AS v ON v.table_id = t.table_id AND v.table_version = t.table_version
LEFT JOIN pg_class AS c ON c.oid = t.relation
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT
        count(*) > 0 AS there,
        coalesce(bool_or(i.indimmediate AND NOT EXISTS (
            SELECT FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
            INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE k.place <= i.indnkeyatts AND NOT a.attnotnull
        )), false) AS always
    FROM pg_index AS i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        AND NOT EXISTS (
            SELECT FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
            LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE k.place <= i.indnkeyatts AND a.attname::text = ANY (v.key_columns) IS NOT TRUE
        )
) AS u
WHERE t.enabled
ORDER BY t.table_id

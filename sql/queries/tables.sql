-- object:   (query)
-- purpose:  tables by name or OID, with their columns as capture sees them
SELECT
    c.oid::bigint AS oid,
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::text AS kind,
    c.relpersistence::text AS persistence,
    EXISTS (SELECT FROM pg_inherits AS h WHERE c.oid IN (h.inhrelid, h.inhparent)) AS related,
    (
        SELECT coalesce(json_agg(json_build_object(
            'name', g.tgname, 'by_row', g.tgtype & 1 = 1, 'operations', array_remove(ARRAY[
                CASE WHEN g.tgtype & 4 <> 0 THEN 'insert' END,
                CASE WHEN g.tgtype & 8 <> 0 THEN 'delete' END,
                CASE WHEN g.tgtype & 16 <> 0 THEN 'update' END
            ], NULL)
        ) ORDER BY g.tgname), '[]')
        FROM pg_trigger AS g
        INNER JOIN pg_proc AS f ON f.oid = g.tgfoid
        WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 66 = 0 -- neither BEFORE nor INSTEAD OF
            AND f.pronamespace IS DISTINCT FROM to_regnamespace({{ schema_literal }})
    ) AS triggers,
    (
        SELECT coalesce(json_agg(json_build_object(
            'table', json_build_array(rn.nspname, rc.relname),
            'columns', ARRAY(
                SELECT a.attname::text
                FROM unnest(f.conkey) WITH ORDINALITY AS u (attnum, ordinality)
                INNER JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = u.attnum
                ORDER BY u.ordinality
            ),
            'targets', ARRAY(
                SELECT a.attname::text
                FROM unnest(f.confkey) WITH ORDINALITY AS u (attnum, ordinality)
                INNER JOIN pg_attribute AS a ON a.attrelid = f.confrelid AND a.attnum = u.attnum
                ORDER BY u.ordinality
            )
        ) ORDER BY f.conname), '[]')
        FROM pg_constraint AS f
        INNER JOIN pg_class AS rc ON rc.oid = f.confrelid
        INNER JOIN pg_namespace AS rn ON rn.oid = rc.relnamespace
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conparentid = 0
    ) AS foreign_keys,
    (
        SELECT r.rolname FROM pg_roles AS r WHERE r.oid = c.relowner AND c.relkind = 'p' AND NOT r.rolsuper
    ) AS partitioner,
    (
        SELECT encode(sha256(convert_to(coalesce(string_agg(
            json_build_array(
                a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated,
                l.collname, l.collisdeterministic
            )::text, E'\n' ORDER BY a.attnum
        ), ''), 'UTF8')), 'hex')
        FROM pg_attribute AS a
        LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS fingerprint,
    (
        SELECT coalesce(json_agg(json_build_object(
            'attnum', k.attnum, 'name', k.attname, 'type_name', k.type_name, 'base_type', k.base_type::bigint,
            'kind', k.kind, 'deterministic', k.deterministic, 'size', k.size,
            'generated', k.attgenerated
        ) ORDER BY k.attnum), '[]')
        FROM (
{% with relation = sql('c.oid') %}{% include 'snippets/column_kinds.sql' %}{% endwith %}

        ) AS k
    ) AS columns,
    (
        SELECT coalesce(json_agg(a.attname ORDER BY u.ordinality), '[]')
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS u (attnum, ordinality)
        INNER JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
        WHERE i.indrelid = c.oid AND i.indisprimary AND u.ordinality <= i.indnkeyatts
    ) AS primary_key,
    (
        SELECT coalesce(json_agg(json_build_array(pn.nspname, pc.relname) ORDER BY pn.nspname, pc.relname), '[]')
        FROM pg_partition_tree(c.oid) AS p
        INNER JOIN pg_class AS pc ON pc.oid = p.relid
        INNER JOIN pg_namespace AS pn ON pn.oid = pc.relnamespace
        WHERE p.relid <> c.oid AND pc.relkind <> 'f' -- which had no TRUNCATE triggers before 16
    ) AS partitions
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (
        c.oid = ANY (%(oids)s::oid[])
        OR (n.nspname, c.relname) IN (
            SELECT w.schema, w.name FROM ROWS FROM (
                unnest(%(schemas)s::text[]), unnest(%(names)s::text[])
            ) AS w (schema, name)
        )
    )
ORDER BY n.nspname, c.relname

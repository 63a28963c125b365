-- object:   (query)
-- purpose:  what a copy of a table for measuring goes by, and whose functions its rows would run
{% with relation = sql('%(oid)s::oid') %}{% include 'snippets/evaluated_functions.sql' %}{% endwith %},

    domains AS (
        SELECT a.attrelid AS relation, a.atttypid AS domain
        FROM pg_attribute AS a
        WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT d.relation, t.typbasetype
        FROM domains AS d
        INNER JOIN pg_type AS t ON t.oid = d.domain AND t.typtype = 'd'
    ),

    -- what a copy evaluates when it is written
    written AS (
        SELECT 'pg_attrdef'::regclass AS classid, f.oid AS objid
        FROM pg_attrdef AS f
        INNER JOIN pg_attribute AS a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
        WHERE f.adrelid = %(oid)s AND a.attgenerated <> ''
        UNION ALL
        SELECT 'pg_constraint'::regclass, k.oid
        FROM domains AS d
        INNER JOIN pg_constraint AS k ON k.contypid = d.domain
    ),

    functions AS (
        SELECT c.function FROM called AS c
        UNION
        SELECT f.function -- of an index over ranges
        FROM domains AS d
        INNER JOIN pg_range AS g ON d.domain IN (g.rngtypid, g.rngmultitypid)
        CROSS JOIN LATERAL (VALUES (g.rngcanonical::oid), (g.rngsubdiff::oid)) AS f (function)
        UNION
        SELECT coalesce(o.oprcode, d.refobjid)
        FROM written AS w
        INNER JOIN pg_depend AS d ON d.classid = w.classid AND d.objid = w.objid
        LEFT JOIN pg_operator AS o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
        WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
    )

    SELECT
        current_user::text AS reader,
        current_database()::text AS database,
        r.rolsuper AS superuser,
        has_database_privilege(current_database(), 'CREATE') AS may_create,
        has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS may_read,
        row_security_active(c.oid) AS row_security,
        (
            SELECT min(b.pubname)::text
            FROM pg_publication AS b
            WHERE b.puballtables AND (b.pubinsert OR b.pubupdate OR b.pubdelete)
                AND current_setting('wal_level') = 'logical'
        ) AS publication,
        CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
        EXISTS (
            SELECT FROM tree AS t
            INNER JOIN pg_class AS f ON f.oid = t.relation
            WHERE f.relkind = 'f'
        ) AS foreign_partitions,
        (
            SELECT jsonb_build_object('function', p.oid::regprocedure, 'owner', pg_get_userbyid(p.proowner))
            FROM functions AS f
            INNER JOIN pg_proc AS p ON p.oid = f.function
            INNER JOIN pg_roles AS o ON o.oid = p.proowner
            WHERE NOT o.rolsuper AND o.rolname <> current_user
            ORDER BY p.oid
            LIMIT 1
        ) AS untrusted,
        (
            SELECT json_agg(json_build_object(
                'name', a.attname,
                'generated', a.attgenerated,
                'not_null', a.attnotnull,
                'base', CASE t.typtype WHEN 'd' THEN b.name END,
                'labels', (SELECT count(*) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
                'array', t.typcategory = 'A',
                'fixed', a.attgenerated <> '' OR EXISTS (
                    SELECT FROM pg_index AS i
                    WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion)
                        AND (a.attnum = ANY (i.indkey) OR 0 = ANY (i.indkey))
                ) OR EXISTS (
                    SELECT FROM pg_partitioned_table AS k
                    WHERE k.partrelid = c.oid AND (a.attnum = ANY (k.partattrs) OR 0 = ANY (k.partattrs))
                )
            ) ORDER BY a.attnum)
            FROM pg_attribute AS a
            INNER JOIN pg_type AS t ON t.oid = a.atttypid
            CROSS JOIN LATERAL (
                WITH RECURSIVE base AS (
                    SELECT t.oid, t.typtype, t.typbasetype, a.atttypmod AS typmod, t.typtypmod
                    UNION ALL
                    SELECT n.oid, n.typtype, n.typbasetype, d.typtypmod, n.typtypmod
                    FROM base AS d
                    INNER JOIN pg_type AS n ON n.oid = d.typbasetype
                    WHERE d.typtype = 'd'
                )

                SELECT format_type(d.oid, d.typmod) AS name FROM base AS d WHERE d.typtype <> 'd'
            ) AS b
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS columns
    FROM pg_class AS c
    INNER JOIN pg_roles AS r ON r.rolname = current_user
    WHERE c.oid = %(oid)s

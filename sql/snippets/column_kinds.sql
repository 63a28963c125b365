        -- kind: how a value becomes JSON. plain: to_jsonb is safe and exact; json: kept as a string, since
        -- jsonb refuses some of it; text: by the output function alone, since a cast of the type's owner
        -- would run as ours.
        -- size: how much text a value may give. small; flat: about as much as it takes; deep: a lot more.
        SELECT
            a.attnum,
            a.attname,
            b.oid AS base_type,
            CASE
                WHEN b.oid = 'json'::regtype THEN 'json'
                WHEN b.oid < 16384 AND b.typtype IN ('b', 'r', 'm') AND b.oid <> 'json[]'::regtype
                    THEN 'plain'
                ELSE 'text'
            END AS kind,
            CASE
                WHEN b.typlen > 0 THEN 'small'
                WHEN b.oid < 16384 AND b.typtype = 'b' AND b.typelem = 0 AND b.oid <> 'jsonb'::regtype
                    THEN 'flat'
                ELSE 'deep'
            END AS size,
            coalesce(coll.collisdeterministic, true) AS deterministic,
            a.attgenerated,
            format_type(a.atttypid, a.atttypmod) AS type_name
        FROM pg_attribute AS a
        CROSS JOIN LATERAL (
            WITH RECURSIVE d AS (
                SELECT t.oid, t.typtype, t.typbasetype, t.typlen, t.typelem
                FROM pg_type AS t
                WHERE t.oid = a.atttypid
                UNION ALL
                SELECT t.oid, t.typtype, t.typbasetype, t.typlen, t.typelem
                FROM d
                INNER JOIN pg_type AS t ON t.oid = d.typbasetype
                WHERE d.typtype = 'd'
            )

            SELECT * FROM d WHERE d.typtype <> 'd'
        ) AS b
        LEFT JOIN pg_collation AS coll ON coll.oid = a.attcollation
        WHERE a.attrelid = {{ relation }} AND a.attnum > 0 AND NOT a.attisdropped

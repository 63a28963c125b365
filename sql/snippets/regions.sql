SELECT
            r.number,
            r.region ->> 'name' AS name,
            r.region ->> 'tablespace' AS tablespace,
            CASE WHEN v.list IS NULL THEN 'DEFAULT' ELSE format('FOR VALUES IN (%s)', v.list) END AS bound
        FROM jsonb_array_elements(({{ declared }}) -> 'regions') WITH ORDINALITY AS r (region, number)
        CROSS JOIN LATERAL (
            -- as pg_get_expr() prints it under standard_conforming_strings
            SELECT coalesce((
                SELECT string_agg(s.literal, ', ' ORDER BY s.literal COLLATE "C")
                FROM (
                    SELECT DISTINCT format('''%s''', replace({% include 'snippets/stored_tenant.sql' %}, '''', '''''')) AS literal
                    FROM jsonb_array_elements_text(r.region -> 'tenants') AS t (p_value)
                ) AS s
            ), (
                SELECT string_agg(t.table_id, ', ' ORDER BY t.table_id::integer)
                FROM jsonb_array_elements_text(r.region -> 'table_ids') AS t (table_id)
            )) AS list
        ) AS v

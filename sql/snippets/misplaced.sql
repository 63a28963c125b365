WITH own AS (
        SELECT d.dattablespace AS space FROM pg_database AS d WHERE d.datname = current_database()
    ),

    wanted AS (
        SELECT r.name, r.bound, CASE WHEN r.tablespace IS NULL THEN o.space ELSE (
            SELECT t.oid FROM pg_tablespace AS t WHERE t.spcname = r.tablespace
        ) END AS space
        FROM (
    {% include 'snippets/regions.sql' %}
        ) AS r
        CROSS JOIN own AS o
    ),

    partitions AS (
        SELECT o.oid AS root, c.oid, c.relname, c.relkind, (
            (regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$ TO \('([^']+)'\)$re$))[1]::timestamptz
            < clock_timestamp() - interval '1 minute'
        ) IS NOT TRUE AS is_open, (
            SELECT a.attname
            FROM pg_partitioned_table AS p
            INNER JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
            WHERE p.partrelid = c.oid AND p.partstrat = 'l'
        ) AS divided_by
        FROM pg_class AS o
        INNER JOIN pg_inherits AS i ON i.inhparent = o.oid
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE o.relnamespace = to_regnamespace({{ schema_literal }}) AND o.relkind = 'p'
            AND o.relname IN ('change_events', 'personal_keys', 'personal_values')
            AND c.relkind IN ('r', 'p')
    ),

    found AS (
        SELECT p.oid AS partition, c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound,
            -- indexes, TOAST and its index have tablespaces of their own
            ARRAY(
                SELECT DISTINCT coalesce(nullif(s.reltablespace, 0), o.space)
                FROM pg_class AS s
                WHERE s.oid IN (c.oid, c.reltoastrelid) OR s.oid IN (
                    SELECT x.indexrelid FROM pg_index AS x WHERE x.indrelid IN (c.oid, c.reltoastrelid)
                )
            ) AS spaces
        FROM partitions AS p
        INNER JOIN pg_inherits AS i ON i.inhparent = p.oid
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        CROSS JOIN own AS o
    )

    SELECT j.* FROM (
        SELECT p.root, p.oid AS relation, p.relname::text AS name, p.is_open, CASE
            WHEN NOT EXISTS (SELECT FROM wanted AS w) THEN
                CASE p.relkind WHEN 'p' THEN 'it is divided by regions that are not declared' END
            WHEN p.divided_by IS DISTINCT FROM
                CASE ({{ declared }}) ->> 'by' WHEN 'tables' THEN 'table_id' ELSE 'tenant_id' END
                THEN 'it is not divided by region'
            WHEN ARRAY(SELECT f.bound FROM found AS f WHERE f.partition = p.oid ORDER BY f.bound COLLATE "C")
                <> ARRAY(SELECT w.bound FROM wanted AS w ORDER BY w.bound COLLATE "C")
                THEN 'its regions are not the declared ones'
            ELSE (
                SELECT format('%s lies in another tablespace than region %s', min(f.relname), min(w.name))
                FROM found AS f
                INNER JOIN wanted AS w ON w.bound = f.bound
                WHERE f.partition = p.oid AND f.spaces IS DISTINCT FROM ARRAY[w.space]
                HAVING count(*) > 0
            )
        END AS problem
        FROM partitions AS p
    ) AS j
    WHERE j.problem IS NOT NULL

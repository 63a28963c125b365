CREATE OR REPLACE FUNCTION "audit".regions()
RETURNS TABLE (number bigint, name text, tablespace text, bound text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT w.* FROM (
SELECT
            r.number,
            r.region ->> 'name' AS name,
            r.region ->> 'tablespace' AS tablespace,
            CASE WHEN v.list IS NULL THEN 'DEFAULT' ELSE format('FOR VALUES IN (%s)', v.list) END AS bound
        FROM jsonb_array_elements((SELECT s.value FROM "audit".settings AS s WHERE s.name = 'regions') -> 'regions') WITH ORDINALITY AS r (region, number)
        CROSS JOIN LATERAL (
            -- as pg_get_expr() prints it under standard_conforming_strings
            SELECT coalesce((
                SELECT string_agg(s.literal, ', ' ORDER BY s.literal COLLATE "C")
                FROM (
                    SELECT DISTINCT format('''%s''', replace(CASE
            WHEN p_value IS NULL THEN 'default'
            WHEN octet_length(p_value) > 200 THEN 'sha256:' || encode(sha256(convert_to(p_value, 'UTF8')), 'hex')
            WHEN starts_with(p_value, '_') THEN '_' || p_value
            ELSE p_value
        END
, '''', '''''')) AS literal
                    FROM jsonb_array_elements_text(r.region -> 'tenants') AS t (p_value)
                ) AS s
            ), (
                SELECT string_agg(t.table_id, ', ' ORDER BY t.table_id::integer)
                FROM jsonb_array_elements_text(r.region -> 'table_ids') AS t (table_id)
            )) AS list
        ) AS v
    ) AS w ORDER BY w.number
$fn$;
CREATE OR REPLACE FUNCTION "audit".region_key(p_parent regclass)
RETURNS name
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    -- blocks hold numbers, hashes and names of tenants, and are one log
    SELECT CASE s.value ->> 'by' WHEN 'tables' THEN 'table_id' ELSE 'tenant_id' END
    FROM "audit".settings AS s
    INNER JOIN pg_class AS c ON c.oid = p_parent
        AND c.relname IN ('change_events', 'personal_keys', 'personal_values')
    WHERE s.name = 'regions'
$fn$;
CREATE OR REPLACE FUNCTION "audit".misplaced_partitions()
RETURNS TABLE (parent regclass, relation regclass, is_open boolean, problem text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $fn$
    SELECT m.root::regclass, m.relation::regclass, m.is_open, m.problem
    FROM (
WITH own AS (
        SELECT d.dattablespace AS space FROM pg_database AS d WHERE d.datname = current_database()
    ),

    wanted AS (
        SELECT r.name, r.bound, CASE WHEN r.tablespace IS NULL THEN o.space ELSE (
            SELECT t.oid FROM pg_tablespace AS t WHERE t.spcname = r.tablespace
        ) END AS space
        FROM (
SELECT
            r.number,
            r.region ->> 'name' AS name,
            r.region ->> 'tablespace' AS tablespace,
            CASE WHEN v.list IS NULL THEN 'DEFAULT' ELSE format('FOR VALUES IN (%s)', v.list) END AS bound
        FROM jsonb_array_elements((SELECT s.value FROM "audit".settings AS s WHERE s.name = 'regions') -> 'regions') WITH ORDINALITY AS r (region, number)
        CROSS JOIN LATERAL (
            -- as pg_get_expr() prints it under standard_conforming_strings
            SELECT coalesce((
                SELECT string_agg(s.literal, ', ' ORDER BY s.literal COLLATE "C")
                FROM (
                    SELECT DISTINCT format('''%s''', replace(CASE
            WHEN p_value IS NULL THEN 'default'
            WHEN octet_length(p_value) > 200 THEN 'sha256:' || encode(sha256(convert_to(p_value, 'UTF8')), 'hex')
            WHEN starts_with(p_value, '_') THEN '_' || p_value
            ELSE p_value
        END
, '''', '''''')) AS literal
                    FROM jsonb_array_elements_text(r.region -> 'tenants') AS t (p_value)
                ) AS s
            ), (
                SELECT string_agg(t.table_id, ', ' ORDER BY t.table_id::integer)
                FROM jsonb_array_elements_text(r.region -> 'table_ids') AS t (table_id)
            )) AS list
        ) AS v
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
        WHERE o.relnamespace = to_regnamespace('"audit"') AND o.relkind = 'p'
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
                CASE (SELECT s.value FROM "audit".settings AS s WHERE s.name = 'regions') ->> 'by' WHEN 'tables' THEN 'table_id' ELSE 'tenant_id' END
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
    ) AS m
    ORDER BY m.name DESC -- the newest first
$fn$;
CREATE OR REPLACE FUNCTION "audit".build_partition(p_parent regclass, p_name text, p_checks text)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $fn$
DECLARE
    v_key name := "audit".region_key(p_parent);
    v_space text := current_setting('default_tablespace');
    v_new regclass;
    v_region record;
BEGIN
    IF v_key IS NOT NULL THEN
        PERFORM set_config('default_tablespace', '', true); -- the database's, whatever the session's is
    END IF;
    EXECUTE format(
        'CREATE TABLE "audit".%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES '
        'INCLUDING STORAGE INCLUDING COMMENTS%s)%s',
        p_name, p_parent, p_checks, format(CASE WHEN v_key IS NOT NULL THEN ' PARTITION BY LIST (%I)' END, v_key)
    );
    v_new := format('"audit".%I', p_name)::regclass;
    IF v_key IS NULL THEN
        -- the log has no key of its own while any partition is divided
        IF NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = v_new AND x.indisprimary) THEN
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY (event_id, occurred_at)',
                v_new, format('%s_pk', p_name));
        END IF;
        RETURN v_new;
    END IF;
    FOR v_region IN SELECT * FROM "audit".regions() LOOP
        -- where no TABLESPACE is named, indexes go by this one, and so does the table
        PERFORM set_config('default_tablespace', coalesce(v_region.tablespace, ''), true);
        EXECUTE format(
            'CREATE TABLE "audit".%I PARTITION OF %s (CONSTRAINT %I PRIMARY KEY (event_id, occurred_at)) %s',
            format('%s_%s', p_name, v_region.name), v_new, format('%s_%s_pk', p_name, v_region.name), v_region.bound
        );
    END LOOP;
    PERFORM set_config('default_tablespace', v_space, true);
    RETURN v_new;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".regions() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".region_key(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".misplaced_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".build_partition(regclass, text, text) FROM PUBLIC;
COMMENT ON FUNCTION "audit".regions() IS 'Declared regions, each with the bound of its part of every partition; none where none are declared.';
COMMENT ON FUNCTION "audit".region_key(regclass) IS 'Column by which partitions of a table are divided into regions; NULL where they are not.';
COMMENT ON FUNCTION "audit".misplaced_partitions() IS 'Partitions that are not divided, or do not lie, as the regions are declared.';
COMMENT ON FUNCTION "audit".build_partition(regclass, text, text) IS 'Makes the table of a partition, divided by region where regions are declared; attaches it to nothing.';

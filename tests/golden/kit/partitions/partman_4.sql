CREATE OR REPLACE FUNCTION "audit".partition_manager()
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT 'pg_partman 4' $fn$;
CREATE OR REPLACE FUNCTION "audit".register_partitions()
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_changed integer;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_extension AS e
        INNER JOIN pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_partman' AND n.nspname = 'partman' AND e.extversion LIKE '4.%'
    ) THEN
        RAISE EXCEPTION 'pg_partman 4 is no longer installed in schema %', 'partman'
            USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'The kit makes the log''s partitions with it. What is written meanwhile lands in the default partitions.',
            HINT = 'pgaudit-kit plan shows what would be done about it, and pgaudit-kit apply does it.';
    END IF;
    -- The tables are registered and not handed to create_parent(), which would lock the log against every writer
    -- and make a default partition that is there already. Automatic maintenance stays off: run_maintenance() of
    -- somebody who may not write in this schema would fail for his own tables too.
    INSERT INTO "partman".part_config AS p (
        parent_table, control, partition_type, partition_interval, premake, datetime_string,
        automatic_maintenance, infinite_time_partitions, inherit_privileges, ignore_default_data, jobmon
    )
    SELECT
        format('%s.%s', n.nspname, c.relname), a.attname, 'native', s.value ->> 'interval',
        (s.value ->> 'premake')::integer,
        CASE WHEN s.value ->> 'interval' LIKE '%hour%' THEN 'YYYYMMDD_HH24MI' ELSE 'YYYYMMDD' END,
        'off', true, false, true, false
    FROM "audit".partitioned_tables() AS t (relation)
    INNER JOIN pg_class AS c ON c.oid = t.relation
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    INNER JOIN pg_partitioned_table AS d ON d.partrelid = c.oid
    INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.partattrs[0]
    INNER JOIN "audit".settings AS s ON s.name = 'partitions'
    ON CONFLICT (parent_table) DO UPDATE
    SET partition_interval = excluded.partition_interval,
        premake = excluded.premake,
        datetime_string = excluded.datetime_string
    WHERE (p.partition_interval, p.premake, p.datetime_string)
        IS DISTINCT FROM (excluded.partition_interval, excluded.premake, excluded.datetime_string);
    GET DIAGNOSTICS v_changed = ROW_COUNT;
    RETURN v_changed;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".make_partition(
    p_parent regclass,
    p_lower timestamptz,
    p_upper timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- pg_partman counts days in the session's
SET datestyle = 'ISO'
AS $fn$
DECLARE
    v_parent text := (
        SELECT format('%s.%s', n.nspname, c.relname)
        FROM pg_class AS c
        INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = p_parent
    );
    v_leaf regclass;
BEGIN
    IF p_lower <> "audit".partition_start(p_lower) OR p_upper <> p_lower + (
        SELECT (s.value ->> 'interval')::interval FROM "audit".settings AS s WHERE s.name = 'partitions'
    ) THEN
        -- the rest of an interval, which pg_partman cannot make
        PERFORM "audit".add_partition(p_parent, p_lower, p_upper);
        RETURN;
    END IF;
    PERFORM set_config('pgaudit_kit.stamping', 'on', true); -- it is stamped here, not by the DDL watch
    -- what ATTACH will lock: pg_partman makes one error of every other, also of a lock that somebody holds
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', (
        SELECT p.partdefid::regclass FROM pg_partitioned_table AS p WHERE p.partrelid = p_parent
    ));
    -- It puts its schema before what is here, and what is not named comes first: pg_catalog.
    PERFORM set_config('search_path', 'pg_temp', true);
    PERFORM "partman".create_partition_time(
        p_parent_table => v_parent, p_partition_times => ARRAY[p_lower], p_analyze => false
    );
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT b.relation INTO v_leaf FROM "audit".partition_bounds(p_parent) AS b WHERE b.lower_bound = p_lower;
    IF v_leaf IS NULL THEN
        RAISE EXCEPTION 'pg_partman made no partition of % for %', v_parent, p_lower
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Look for a table that has its name, or for another row of part_config.';
    END IF;
    PERFORM "audit".stamp_partition(v_leaf);
    PERFORM set_config('pgaudit_kit.stamping', '', true);
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".partition_manager() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".register_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".make_partition(regclass, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION "audit".partition_manager() IS 'Who makes partitions: the extension pg_partman.';
COMMENT ON FUNCTION "audit".register_partitions() IS 'Enters the kit''s tables, with interval and premake as declared, in part_config of pg_partman.';
COMMENT ON FUNCTION "audit".make_partition(regclass, timestamptz, timestamptz) IS 'Has pg_partman make one partition ahead of time, and guards it.';

-- object:   function audit.partition_bounds
-- object:   function audit.partition_start
-- object:   function audit.partition_end
-- object:   function audit.add_partition
-- object:   function audit.partitioned_tables
-- object:   function audit.stamp_partitions
-- object:   function audit.maintain_partitions
-- object:   function audit.move_default_rows
-- requires: functions/stamp_partition.sql, functions/record_control.sql
-- purpose:  partitions ahead of time, and a mover for what the default one caught; whoever makes them
CREATE OR REPLACE FUNCTION {{ audit }}.partition_bounds(p_parent regclass)
RETURNS TABLE (relation regclass, lower_bound timestamptz, upper_bound timestamptz)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $fn$
    SELECT i.inhrelid::regclass, b.bounds[1]::timestamptz, b.bounds[2]::timestamptz
    FROM pg_inherits AS i
    INNER JOIN pg_class AS c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(
        pg_get_expr(c.relpartbound, c.oid), $re$^FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)$re$
    ) AS b (bounds)
    WHERE i.inhparent = p_parent AND b.bounds IS NOT NULL
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.partition_start(p_at timestamptz)
RETURNS timestamptz
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $fn$
    WITH s AS (
        SELECT (t.value ->> 'interval')::interval AS step,
            (extract(year FROM (t.value ->> 'interval')::interval) * 12
                + extract(month FROM (t.value ->> 'interval')::interval))::integer AS months
        FROM {{ audit }}.settings AS t
        WHERE t.name = 'partitions'
    ),

    m AS (
        SELECT s.*, (extract(year FROM p_at)::integer * 12 + extract(month FROM p_at)::integer - 1) AS month_number
        FROM s
    )

    SELECT CASE
        WHEN m.months = 0 THEN date_bin(m.step, p_at, '2000-01-03 00:00:00+00') -- a Monday
        ELSE make_timestamptz(
            (m.month_number - m.month_number % m.months) / 12,
            (m.month_number - m.month_number % m.months) % 12 + 1, 1, 0, 0, 0
        )
    END
    FROM m
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.partition_end(p_at timestamptz)
RETURNS timestamptz
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $fn$
    -- one and a half intervals after a start lie in the next one, however long its months are
    SELECT {{ audit }}.partition_start({{ audit }}.partition_start(p_at) + (
        SELECT (t.value ->> 'interval')::interval FROM {{ audit }}.settings AS t WHERE t.name = 'partitions'
    ) * 1.5)
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.add_partition(
    p_parent regclass,
    p_lower timestamptz,
    p_upper timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $fn$
DECLARE
    v_parent name := (SELECT c.relname FROM pg_class AS c WHERE c.oid = p_parent);
    v_column name := (
        SELECT a.attname
        FROM pg_partitioned_table AS p
        INNER JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = p_parent
    );
    v_default regclass := (SELECT p.partdefid::regclass FROM pg_partitioned_table AS p WHERE p.partrelid = p_parent);
    v_name text := format('%s_p%s', v_parent, to_char(p_lower, CASE
        WHEN p_lower = date_trunc('day', p_lower) THEN 'YYYYMMDD'
        WHEN p_lower = date_trunc('minute', p_lower) THEN 'YYYYMMDD_HH24MI'
        ELSE 'YYYYMMDD_HH24MISS_US'
    END));
    v_moved bigint;
BEGIN
    PERFORM set_config('pgaudit_kit.stamping', 'on', true); -- it is stamped here, not by the DDL watch
    -- CREATE TABLE … PARTITION OF would lock the parent against every writer; ATTACH does not.
    PERFORM {{ audit }}.build_partition(p_parent, v_name, format(
        ', CONSTRAINT partition_ck CHECK (%I >= %L AND %I < %L)', v_column, p_lower, v_column, p_upper
    ));
    EXECUTE format(
        'WITH moved AS (DELETE FROM %s AS d WHERE d.%I >= %L AND d.%I < %L RETURNING d.*) '
        'INSERT INTO {{ audit }}.%I SELECT * FROM moved',
        v_default, v_column, p_lower, v_column, p_upper, v_name
    );
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    EXECUTE format(
        'ALTER TABLE %s ATTACH PARTITION {{ audit }}.%I FOR VALUES FROM (%L) TO (%L)',
        p_parent, v_name, p_lower, p_upper
    );
    EXECUTE format('ALTER TABLE {{ audit }}.%I DROP CONSTRAINT partition_ck', v_name);
    PERFORM {{ audit }}.stamp_partition(format('{{ audit }}.%I', v_name)::regclass);
    PERFORM set_config('pgaudit_kit.stamping', '', true);
    RETURN v_moved;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.partitioned_tables()
RETURNS SETOF regclass
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT c.oid::regclass
    FROM pg_class AS c
    INNER JOIN pg_partitioned_table AS p ON p.partrelid = c.oid AND p.partstrat = 'r' -- not what regions divide
    WHERE c.relnamespace = {{ schema_literal }}::regnamespace AND NOT c.relispartition
    ORDER BY c.relname
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.stamp_partitions()
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_leaf regclass;
    v_stamped integer := 0;
BEGIN
    -- what somebody attached by hand lacks what its siblings have; what belongs to others only they can give
    FOR v_leaf IN
        SELECT c.oid::regclass
        FROM {{ audit }}.partitioned_tables() AS t (relation)
        CROSS JOIN LATERAL pg_partition_tree(t.relation) AS b
        INNER JOIN pg_inherits AS i ON i.inhrelid = b.relid AND b.level > 0
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE pg_has_role(current_user, c.relowner, 'USAGE') AND (
            NOT (c.relrowsecurity AND c.relforcerowsecurity)
            OR NOT EXISTS (
                SELECT FROM pg_trigger AS g
                WHERE g.tgrelid = c.oid AND g.tgname = 'append_only_truncate' AND g.tgenabled = 'A'
            )
            OR EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)
            OR ARRAY(SELECT l.polname FROM pg_policy AS l WHERE l.polrelid = c.oid ORDER BY l.polname)
            <> ARRAY(SELECT l.polname FROM pg_policy AS l WHERE l.polrelid = i.inhparent ORDER BY l.polname)
        )
        ORDER BY b.level, c.relname
    LOOP
        PERFORM {{ audit }}.stamp_partition(v_leaf);
        PERFORM {{ audit }}.record_control('partition-stamped', jsonb_build_object('table', v_leaf::text));
        v_stamped := v_stamped + 1;
    END LOOP;
    RETURN v_stamped;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.maintain_partitions(
    p_now timestamptz DEFAULT clock_timestamp(),
    p_limit integer DEFAULT NULL,
    p_search_path text DEFAULT current_setting('search_path') -- the caller's, seen before it is set here
)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER -- partitions belong to the kit
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '250ms' -- gives up long before a writer behind it would
AS $fn$
DECLARE
    v_premake integer := (
        SELECT (s.value ->> 'premake')::integer FROM {{ audit }}.settings AS s WHERE s.name = 'partitions'
    );
    v_parent regclass;
    v_default regclass;
    v_column name;
    v_horizon timestamptz;
    v_at timestamptz;
    v_upper timestamptz;
    v_covered timestamptz;
    v_occupied boolean;
    v_made integer := 0;
BEGIN
    PERFORM {{ audit }}.register_partitions();
    FOR v_parent IN SELECT {{ audit }}.partitioned_tables() LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', v_parent); -- one manager at a time
        SELECT p.partdefid::regclass, a.attname INTO v_default, v_column
        FROM pg_partitioned_table AS p
        INNER JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = v_parent;
        v_at := {{ audit }}.partition_start(p_now);
        v_horizon := v_at;
        FOR v_ahead IN 0 .. v_premake LOOP
            v_horizon := {{ audit }}.partition_end(v_horizon);
        END LOOP;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', v_parent) INTO v_occupied;
        IF v_occupied OR EXISTS (SELECT FROM {{ audit }}.partition_bounds(v_parent)) THEN
            -- A writer that is on its way into the default partition must not find its row's time taken from it.
            v_at := greatest(v_at, date_trunc('second', p_now) + interval '10 seconds');
        END IF;
        WHILE v_at < v_horizon LOOP
            EXIT WHEN v_made >= p_limit;
            SELECT max(b.upper_bound) INTO v_covered
            FROM {{ audit }}.partition_bounds(v_parent) AS b
            WHERE b.lower_bound <= v_at AND b.upper_bound > v_at;
            IF v_covered IS NOT NULL THEN
                v_at := v_covered;
                CONTINUE;
            END IF;
            -- whatever the interval was before: to the end of this one, or to the next partition
            SELECT least({{ audit }}.partition_end(v_at), min(b.lower_bound)) INTO v_upper
            FROM {{ audit }}.partition_bounds(v_parent) AS b
            WHERE b.lower_bound > v_at;
            -- what the default partition holds of it is the mover's
            EXECUTE format('SELECT EXISTS (SELECT FROM %s AS d WHERE d.%I >= $1 AND d.%I < $2)',
                v_default, v_column, v_column) INTO v_occupied USING v_at, v_upper;
            IF NOT v_occupied THEN
                PERFORM {{ audit }}.make_partition(v_parent, v_at, v_upper);
                v_made := v_made + 1;
            END IF;
            v_at := v_upper;
        END LOOP;
        EXIT WHEN v_made >= p_limit;
    END LOOP;
    IF v_made = 0 THEN
        -- on its own: a partition in use must not keep new ones from being made
        PERFORM {{ audit }}.stamp_partitions();
    END IF;
    -- pg_partman sets the session's search_path, from which the clause above does not protect the caller
    PERFORM set_config('search_path', p_search_path, false);
    RETURN v_made;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.move_default_rows(
    p_batch integer DEFAULT 20000,
    p_now timestamptz DEFAULT clock_timestamp()
)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER -- partitions belong to the kit
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '250ms' -- gives up long before a writer behind it would
AS $fn$
DECLARE
    v_parent regclass;
    v_default regclass;
    v_column name;
    v_oldest timestamptz;
    v_lower timestamptz;
    v_upper timestamptz;
    v_cut timestamptz;
    v_moved bigint;
    -- Times that a writer may be on its way with stay in the default partition; a clock that ran ahead is no reason.
    v_before timestamptz := p_now - interval '1 minute';
BEGIN
    FOR v_parent IN SELECT {{ audit }}.partitioned_tables() LOOP
        SELECT p.partdefid::regclass, a.attname INTO v_default, v_column
        FROM pg_partitioned_table AS p
        INNER JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = v_parent;
        EXECUTE format('SELECT min(d.%1$I) FROM %2$s AS d WHERE d.%1$I < $1 OR d.%1$I > $2', v_column, v_default)
        INTO v_oldest USING v_before, p_now + interval '1 minute';
        CONTINUE WHEN v_oldest IS NULL;
        -- The manager and other movers first, then everybody at the default partition, whom ATTACH would shut out in
        -- the end: who has read it and then writes there could not wait for a weaker lock without a deadlock.
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', v_parent);
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', v_default);
        -- the interval it belongs to, less what partitions already cover
        SELECT
            greatest({{ audit }}.partition_start(v_oldest), max(b.upper_bound) FILTER (WHERE b.upper_bound <= v_oldest)),
            least({{ audit }}.partition_end(v_oldest), min(b.lower_bound) FILTER (WHERE b.lower_bound > v_oldest))
        INTO v_lower, v_upper
        FROM {{ audit }}.partition_bounds(v_parent) AS b;
        IF v_oldest < v_before THEN
            v_upper := least(v_upper, v_before);
        ELSE
            v_lower := greatest(v_lower, p_now + interval '1 minute');
        END IF;
        -- no more than a batch at a time: a partition ends where the batch does
        EXECUTE format(
            'SELECT d.%1$I FROM %2$s AS d WHERE d.%1$I >= $1 AND d.%1$I < $2 ORDER BY d.%1$I OFFSET $3 LIMIT 1',
            v_column, v_default
        ) INTO v_cut USING v_lower, v_upper, greatest(p_batch, 2);
        IF v_cut > v_oldest THEN
            v_upper := least(v_upper, v_cut);
        END IF;
        INSERT INTO {{ audit }}.maintenance_permits (transaction_id) VALUES (txid_current())
        ON CONFLICT ON CONSTRAINT maintenance_permits_transaction_id_pk DO NOTHING;
        v_moved := {{ audit }}.add_partition(v_parent, v_lower, v_upper);
        DELETE FROM {{ audit }}.maintenance_permits AS p WHERE p.transaction_id = txid_current();
        PERFORM {{ audit }}.record_control('default-partition-moved', jsonb_build_object(
            'table', v_parent::text, 'from', v_lower, 'to', v_upper, 'rows', v_moved
        ));
        RETURN v_moved; -- one at a time, each in a transaction of its own
    END LOOP;
    RETURN 0;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.partition_bounds(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.partition_start(timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.partition_end(timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.stamp_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.add_partition(regclass, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.partitioned_tables() FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.maintain_partitions(timestamptz, integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.move_default_rows(integer, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.partition_bounds(regclass) IS 'Partitions of a table of the kit, but the default one, with their bounds.';
COMMENT ON FUNCTION {{ audit }}.partition_start(timestamptz) IS 'Start of the partition interval that a time falls into.';
COMMENT ON FUNCTION {{ audit }}.partition_end(timestamptz) IS 'End of the partition interval that a time falls into.';
COMMENT ON FUNCTION {{ audit }}.stamp_partitions() IS 'Guards partitions that came without; returns how many.';
COMMENT ON FUNCTION {{ audit }}.add_partition(regclass, timestamptz, timestamptz) IS 'Adds one partition of any length and moves into it what the default one holds; returns the number of rows moved.';
COMMENT ON FUNCTION {{ audit }}.partitioned_tables() IS 'The partitioned tables of the kit.';
COMMENT ON FUNCTION {{ audit }}.maintain_partitions(timestamptz, integer, text) IS 'Makes the partitions that will be needed, at most p_limit; returns how many it made.';
COMMENT ON FUNCTION {{ audit }}.move_default_rows(integer, timestamptz) IS 'Moves one batch of rows out of a default partition; returns how many, 0 when all are empty.';

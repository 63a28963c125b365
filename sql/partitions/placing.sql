-- object:   function audit.lock_log
-- object:   function audit.relist_partition
-- object:   function audit.place_partition
-- object:   function audit.restore_key
-- object:   function audit.place_open_partitions
-- object:   function audit.place_next_partition
-- requires: partitions/regions.sql, functions/record_control.sql
-- purpose:  what was there before regions were declared, or declared otherwise, goes where it belongs
-- Nothing is updated or deleted: a partition is copied, and the copy takes its place.
CREATE OR REPLACE FUNCTION {{ audit }}.lock_log(p_parent regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '250ms' -- gives up long before a writer behind it would
AS $fn$
DECLARE
    c_tries CONSTANT integer := 40;
BEGIN
    FOR v_try IN 1 .. c_tries LOOP
        BEGIN
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', p_parent);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            -- what was copied is not thrown away for one long transaction
            IF v_try = c_tries THEN
                RAISE;
            END IF;
        END;
        PERFORM pg_sleep(0.5);
    END LOOP;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.relist_partition(p_parent regclass, p_partition regclass)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $fn$
DECLARE
    v_key name := {{ audit }}.region_key(p_parent);
    v_name text := (SELECT c.relname FROM pg_class AS c WHERE c.oid = p_partition);
    v_parts regclass[];
    v_bounds text[];
    v_wanted text[];
    v_strays boolean;
BEGIN
    SELECT array_agg(c.oid::regclass ORDER BY r.number), array_agg(pg_get_expr(c.relpartbound, c.oid) ORDER BY r.number),
        array_agg(r.bound ORDER BY r.number)
    INTO v_parts, v_bounds, v_wanted
    FROM pg_partitioned_table AS p
    INNER JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] AND a.attname = v_key
    INNER JOIN pg_inherits AS i ON i.inhparent = p.partrelid
    INNER JOIN pg_class AS c ON c.oid = i.inhrelid
    LEFT JOIN {{ audit }}.regions() AS r ON c.relname = format('%s_%s', v_name, r.name)
    WHERE p.partrelid = p_partition AND p.partstrat = 'l';
    IF v_parts IS NULL OR array_position(v_wanted, NULL) IS NOT NULL
        OR cardinality(v_parts) <> (SELECT count(*) FROM {{ audit }}.regions() AS r)
        OR array_position(v_bounds, 'DEFAULT') IS DISTINCT FROM array_position(v_wanted, 'DEFAULT')
    THEN
        RETURN false;
    END IF;
    -- Rows that would have to move stay behind as dead ones where they were: then all of it is copied.
    FOR v_number IN 1 .. cardinality(v_parts) LOOP
        CONTINUE WHEN v_bounds[v_number] = v_wanted[v_number];
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %1$s AS d WHERE d.%3$I NOT %4$s) '
            'OR EXISTS (SELECT FROM %2$s AS d WHERE d.%3$I %4$s)',
            v_parts[v_number], v_parts[array_position(v_bounds, 'DEFAULT')], v_key,
            substr(v_wanted[v_number], length('FOR VALUES ') + 1)
        ) INTO v_strays;
        IF v_strays THEN
            RETURN false;
        END IF;
    END LOOP;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', p_partition);
    FOR v_number IN 1 .. cardinality(v_parts) LOOP
        CONTINUE WHEN v_bounds[v_number] = v_wanted[v_number];
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', p_partition, v_parts[v_number]);
    END LOOP;
    FOR v_number IN 1 .. cardinality(v_parts) LOOP
        CONTINUE WHEN v_bounds[v_number] = v_wanted[v_number];
        EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s %s', p_partition, v_parts[v_number], v_wanted[v_number]);
        PERFORM {{ audit }}.stamp_partition(v_parts[v_number]);
    END LOOP;
    RETURN NOT EXISTS (
        SELECT FROM {{ audit }}.misplaced_partitions() AS m WHERE m.relation = p_partition
    );
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.place_partition(p_parent regclass, p_partition regclass)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $fn$
DECLARE
    v_name text := (SELECT c.relname FROM pg_class AS c WHERE c.oid = p_partition);
    v_bound text := (SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class AS c WHERE c.oid = p_partition);
    v_checks text := (
        SELECT string_agg(format(', CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), '')
        FROM pg_constraint AS k
        WHERE k.conrelid = p_partition AND k.contype = 'c' AND NOT EXISTS (
            SELECT FROM pg_constraint AS o WHERE o.conrelid = p_parent AND o.conname = k.conname
        )
    );
    v_columns text[] := ARRAY(
        SELECT format('%I', a.attname)
        FROM pg_attribute AS a
        WHERE a.attrelid = p_parent AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    );
    v_of_events boolean := p_parent = '{{ audit }}.personal_values'::regclass
        AND {{ audit }}.region_key(p_parent) = 'table_id';
    v_problem text;
    v_new regclass;
    v_relation record;
    v_rows bigint;
BEGIN
    EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', p_parent); -- one manager at a time
    v_problem := (SELECT m.problem FROM {{ audit }}.misplaced_partitions() AS m WHERE m.relation = p_partition);
    IF v_problem IS NULL THEN
        RETURN 0; -- somebody else was faster
    END IF;
    -- first: it explains the rest to watch_kit(), and this may be the partition that it falls into
    PERFORM {{ audit }}.record_control('partition-placed', jsonb_build_object(
        'table', p_parent::text, 'partition', v_name,
        'why', v_problem,
        'regions', ARRAY(SELECT r.name FROM {{ audit }}.regions() AS r ORDER BY r.number)
    ));
    PERFORM set_config('pgaudit_kit.stamping', 'on', true); -- they are stamped here, not by the DDL watch
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', p_partition); -- whoever writes in it ends first
    IF {{ audit }}.relist_partition(p_parent, p_partition) THEN
        PERFORM set_config('pgaudit_kit.stamping', '', true);
        RETURN 0;
    END IF;
    v_new := {{ audit }}.build_partition(p_parent, format('%s_n', v_name), concat(v_checks, (
        SELECT format(', CONSTRAINT partition_ck CHECK (%1$I >= %2$L AND %1$I < %3$L)',
            a.attname, b.lower_bound, b.upper_bound)
        FROM {{ audit }}.partition_bounds(p_parent) AS b
        INNER JOIN pg_partitioned_table AS p ON p.partrelid = p_parent
        INNER JOIN pg_attribute AS a ON a.attrelid = p_parent AND a.attnum = p.partattrs[0]
        WHERE b.relation = p_partition
    )));
    EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM %s AS d%s', v_new, array_to_string(v_columns, ', '), (
        SELECT string_agg(CASE WHEN c = 'table_id' AND v_of_events THEN 'coalesce(d.table_id, e.table_id)'
            ELSE format('d.%s', c) END, ', ')
        FROM unnest(v_columns) AS c
    ), p_partition, CASE WHEN v_of_events THEN
        -- what was recorded before tables had regions has no table_id of its own
        ' LEFT JOIN {{ audit }}.change_events AS e USING (event_id, occurred_at)'
    END);
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    PERFORM {{ audit }}.lock_log(p_parent);
    -- one after the other: in between the log has no place for an event of the present, and lacks some
    EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', p_parent, p_partition);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s %s', p_parent, v_new, v_bound);
    EXECUTE format('DROP TABLE %s', p_partition);
    FOR v_relation IN
        SELECT c.relkind, c.relname, format('%s%s', v_name, substr(c.relname, length(v_name) + 3)) AS new_name
        FROM pg_class AS c
        WHERE c.relnamespace = {{ schema_literal }}::regnamespace
            AND starts_with(c.relname, format('%s_n', v_name)) AND substr(c.relname, length(v_name) + 3, 1) IN ('', '_')
        ORDER BY c.oid
    LOOP
        EXECUTE format('ALTER %s {{ audit }}.%I RENAME TO %I', CASE WHEN v_relation.relkind IN ('i', 'I')
            THEN 'INDEX' ELSE 'TABLE' END, v_relation.relname, v_relation.new_name);
    END LOOP;
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS partition_ck', v_new);
    PERFORM {{ audit }}.stamp_partition(v_new);
    PERFORM set_config('pgaudit_kit.stamping', '', true);
    RETURN v_rows;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.restore_key(p_parent regclass)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    -- once no partition is divided any more: the log's key takes over those of its partitions
    IF {{ audit }}.region_key(p_parent) IS NOT NULL OR EXISTS (
        SELECT FROM pg_index AS x WHERE x.indrelid = p_parent AND x.indisprimary
    ) OR EXISTS (
        SELECT FROM {{ audit }}.misplaced_partitions() AS m WHERE m.parent = p_parent
    ) THEN
        RETURN false;
    END IF;
    PERFORM {{ audit }}.lock_log(p_parent);
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY (event_id, occurred_at)', p_parent, (
        SELECT format('%s_event_id_occurred_at_pk', c.relname) FROM pg_class AS c WHERE c.oid = p_parent
    ));
    RETURN true;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.place_open_partitions()
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_parent regclass;
    v_partition regclass;
    v_placed integer := 0;
BEGIN
    FOR v_parent IN SELECT {{ audit }}.partitioned_tables() LOOP
        IF {{ audit }}.region_key(v_parent) IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', v_parent, (
                SELECT format('%s_event_id_occurred_at_pk', c.relname) FROM pg_class AS c WHERE c.oid = v_parent
            ));
        END IF;
        IF {{ audit }}.region_key(v_parent) = 'table_id' AND NOT EXISTS (
            SELECT FROM pg_attribute AS a WHERE a.attrelid = v_parent AND a.attname = 'table_id'
        ) THEN
            -- personal values; the others have it anyway
            EXECUTE format('ALTER TABLE %s ADD COLUMN table_id integer', v_parent);
            EXECUTE format('COMMENT ON COLUMN %s.table_id IS ''Table of the event, where regions list tables.''', v_parent);
        END IF;
        FOR v_partition IN
            SELECT m.relation FROM {{ audit }}.misplaced_partitions() AS m WHERE m.parent = v_parent AND m.is_open
        LOOP
            PERFORM {{ audit }}.place_partition(v_parent, v_partition);
            v_placed := v_placed + 1;
        END LOOP;
        PERFORM {{ audit }}.restore_key(v_parent);
    END LOOP;
    RETURN v_placed;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.place_next_partition()
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_next record;
    v_parent regclass;
    v_name text;
BEGIN
    SELECT m.parent, m.relation INTO v_next FROM {{ audit }}.misplaced_partitions() AS m LIMIT 1;
    IF FOUND THEN
        v_name := v_next.relation::text;
        PERFORM {{ audit }}.place_partition(v_next.parent, v_next.relation);
        RETURN v_name;
    END IF;
    FOR v_parent IN SELECT t.relation FROM {{ audit }}.partitioned_tables() AS t (relation) LOOP
        IF {{ audit }}.restore_key(v_parent) THEN
            RETURN v_parent::text;
        END IF;
    END LOOP;
    RETURN NULL;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.lock_log(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.relist_partition(regclass, regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.place_partition(regclass, regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.restore_key(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.place_open_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.place_next_partition() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.lock_log(regclass) IS 'Locks a partitioned table of the log against everybody, in short tries.';
COMMENT ON FUNCTION {{ audit }}.relist_partition(regclass, regclass) IS 'Gives the parts of a partition the lists that are declared now, where no row has to move; tells whether that was all.';
COMMENT ON FUNCTION {{ audit }}.place_partition(regclass, regclass) IS 'Puts a copy, divided as declared, in the place of a partition; returns the number of rows copied.';
COMMENT ON FUNCTION {{ audit }}.restore_key(regclass) IS 'Gives a table back the primary key that it cannot have under regions; tells whether it lacked it.';
COMMENT ON FUNCTION {{ audit }}.place_open_partitions() IS 'Places the partitions that are written to now or later; returns how many.';
COMMENT ON FUNCTION {{ audit }}.place_next_partition() IS 'Places one partition of the past; returns its name, NULL when all are where they belong.';

-- object:   function audit.regions
-- object:   function audit.region_key
-- object:   function audit.misplaced_partitions
-- object:   function audit.build_partition
-- requires: partitions/common.sql
-- purpose:  the declared regions, and partitions that are divided by them
-- A primary key of the whole log would have to hold the column that divides it, so under regions each part has
-- its own.
CREATE OR REPLACE FUNCTION {{ audit }}.regions()
RETURNS TABLE (number bigint, name text, tablespace text, bound text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    {% with declared = sql("SELECT s.value FROM " ~ audit.sql ~ ".settings AS s WHERE s.name = 'regions'") %}
    SELECT w.* FROM (
        {% include 'snippets/regions.sql' %}
    ) AS w ORDER BY w.number
    {% endwith %}
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.region_key(p_parent regclass)
RETURNS name
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    -- blocks hold numbers, hashes and names of tenants, and are one log
    SELECT CASE s.value ->> 'by' WHEN 'tables' THEN 'table_id' ELSE 'tenant_id' END
    FROM {{ audit }}.settings AS s
    INNER JOIN pg_class AS c ON c.oid = p_parent
        AND c.relname IN ('change_events', 'personal_keys', 'personal_values')
    WHERE s.name = 'regions'
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.misplaced_partitions()
RETURNS TABLE (parent regclass, relation regclass, is_open boolean, problem text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $fn$
    {% with declared = sql("SELECT s.value FROM " ~ audit.sql ~ ".settings AS s WHERE s.name = 'regions'") %}
    SELECT m.root::regclass, m.relation::regclass, m.is_open, m.problem
    FROM (
    {% include 'snippets/misplaced.sql' %}
    ) AS m
    ORDER BY m.name DESC -- the newest first
    {% endwith %}
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.build_partition(p_parent regclass, p_name text, p_checks text)
RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $fn$
DECLARE
    v_key name := {{ audit }}.region_key(p_parent);
    v_space text := current_setting('default_tablespace');
    v_new regclass;
    v_region record;
BEGIN
    IF v_key IS NOT NULL THEN
        PERFORM set_config('default_tablespace', '', true); -- the database's, whatever the session's is
    END IF;
    EXECUTE format(
        'CREATE TABLE {{ audit }}.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES '
        'INCLUDING STORAGE INCLUDING COMMENTS%s)%s',
        p_name, p_parent, p_checks, format(CASE WHEN v_key IS NOT NULL THEN ' PARTITION BY LIST (%I)' END, v_key)
    );
    v_new := format('{{ audit }}.%I', p_name)::regclass;
    IF v_key IS NULL THEN
        -- the log has no key of its own while any partition is divided
        IF NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = v_new AND x.indisprimary) THEN
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY (event_id, occurred_at)',
                v_new, format('%s_pk', p_name));
        END IF;
        RETURN v_new;
    END IF;
    FOR v_region IN SELECT * FROM {{ audit }}.regions() LOOP
        -- where no TABLESPACE is named, indexes go by this one, and so does the table
        PERFORM set_config('default_tablespace', coalesce(v_region.tablespace, ''), true);
        EXECUTE format(
            'CREATE TABLE {{ audit }}.%I PARTITION OF %s (CONSTRAINT %I PRIMARY KEY (event_id, occurred_at)) %s',
            format('%s_%s', p_name, v_region.name), v_new, format('%s_%s_pk', p_name, v_region.name), v_region.bound
        );
    END LOOP;
    PERFORM set_config('default_tablespace', v_space, true);
    RETURN v_new;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.regions() FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.region_key(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.misplaced_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.build_partition(regclass, text, text) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.regions() IS 'Declared regions, each with the bound of its part of every partition; none where none are declared.';
COMMENT ON FUNCTION {{ audit }}.region_key(regclass) IS 'Column by which partitions of a table are divided into regions; NULL where they are not.';
COMMENT ON FUNCTION {{ audit }}.misplaced_partitions() IS 'Partitions that are not divided, or do not lie, as the regions are declared.';
COMMENT ON FUNCTION {{ audit }}.build_partition(regclass, text, text) IS 'Makes the table of a partition, divided by region where regions are declared; attaches it to nothing.';

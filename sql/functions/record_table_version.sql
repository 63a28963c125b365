-- object:   function audit.record_table_version(integer)
-- requires: functions/column_fingerprint.sql, functions/describe_columns.sql, functions/record_control.sql
-- purpose:  the next version of a table's definition, in the registry; returns its number
CREATE OR REPLACE FUNCTION {{ audit }}.record_table_version(p_table_id integer)
RETURNS integer
LANGUAGE sql
SECURITY DEFINER -- callers have no right on the registry
SET search_path = pg_catalog, pg_temp
AS $fn$
    WITH t AS (
        UPDATE {{ audit }}.audited_tables AS a
        SET table_version = a.table_version + 1,
            fingerprint = {{ audit }}.column_fingerprint(a.relation)
        WHERE a.table_id = p_table_id
        RETURNING a.*
    )

    INSERT INTO {{ audit }}.table_versions (
        table_id, table_version, schema_name, table_name, columns, key_columns, fingerprint, recorded_at, bulk
    )
    SELECT
        t.table_id,
        t.table_version,
        n.nspname,
        c.relname,
        {{ audit }}.describe_columns(t.relation, t.excluded_attnums, t.personal_attnums),
        coalesce((
            SELECT array_agg(a.attname::text ORDER BY k.ordinality)
            FROM unnest(t.key_attnums) WITH ORDINALITY AS k (attnum, ordinality)
            INNER JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum = k.attnum AND NOT a.attisdropped
        ), '{}'),
        t.fingerprint,
        clock_timestamp(),
        coalesce((t.declaration -> 'bulk')::boolean, false)
    FROM t
    INNER JOIN pg_class AS c ON c.oid = t.relation
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    RETURNING table_version
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.record_table_version(integer) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.record_table_version(integer) IS 'Records the present definition of an audited table as its next version; returns the number.';

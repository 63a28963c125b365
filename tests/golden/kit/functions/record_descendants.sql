CREATE OR REPLACE FUNCTION "audit".record_attached(p_table_id integer, p_partition oid, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_unsafe text := "audit".why_unsafe(p_partition);
    v_why text := coalesce(v_unsafe, "audit".why_unreadable(p_partition));
    v_rows bigint := 0;
BEGIN
    IF NOT "audit".has_storage(p_partition) THEN
        v_unsafe := NULL;
        v_why := NULL;
    ELSIF v_why IS NULL THEN
        PERFORM "audit".note_tenants(p_table_id, p_partition)
        FROM "audit".audited_tables AS t
        WHERE t.table_id = p_table_id AND t.declaration ? 'lends';
        v_rows := "audit".record_baseline(p_table_id, p_partition);
    END IF;
    UPDATE "audit".descendants AS d
    -- what the kit's owner may not read, whoever applies a plan may
    SET baseline_due = v_why IS NOT NULL AND v_unsafe IS NULL AND current_user = 'pgaudit_kit_owner'
    WHERE d.table_id = p_table_id AND d.relation = p_partition;
    PERFORM "audit".record_control('partition-attached', p_statement || jsonb_strip_nulls(jsonb_build_object(
        'table', (SELECT t.relation::text FROM "audit".audited_tables AS t WHERE t.table_id = p_table_id),
        'partition', p_partition::regclass::text,
        'partitions', (
            SELECT jsonb_agg(p.relid::text ORDER BY p.relid::text COLLATE "C")
            FROM pg_partition_tree(p_partition) AS p
            WHERE p.relid <> p_partition
        ),
        'baseline', v_why IS NULL,
        'rows', CASE WHEN v_why IS NULL THEN v_rows END,
        'why', v_why
    )), p_table_id);
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".record_gone(p_table_id integer, p_statement jsonb)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $fn$
    WITH RECURSIVE gone AS (
        -- known for the rest of the transaction: the TRUNCATE triggers of what is detached are still to go
        UPDATE "audit".descendants AS d
        SET is_gone = true, noted_in = txid_current(), baseline_due = false, is_offered = false
        FROM "audit".audited_tables AS t
        WHERE d.table_id = p_table_id AND t.table_id = p_table_id AND NOT d.is_gone
            AND d.relation::oid NOT IN (
                SELECT n.relation FROM "audit".current_descendants(t.relation) AS n
            )
        RETURNING
            d.relation::oid AS relation, d.parent::oid AS parent, d.is_partition,
            t.relation::oid AS audited, format('%I.%I', d.schema_name, d.table_name) AS name,
            EXISTS (SELECT FROM pg_class AS c WHERE c.oid = d.relation) AS is_there
    ),

    -- of a whole tree that went, its top is named first
    trees AS (
        SELECT g.*, g.relation AS top
        FROM gone AS g
        WHERE g.parent NOT IN (SELECT h.relation FROM gone AS h)
        UNION ALL
        SELECT g.*, t.top
        FROM trees AS t
        INNER JOIN gone AS g ON g.parent = t.relation
    )

    SELECT "audit".record_control(
        format('%s-%s', n.what, CASE WHEN bool_or(t.is_there) THEN 'detached' ELSE 'dropped' END),
        p_statement || jsonb_strip_nulls(jsonb_build_object(
            'table', t.audited::regclass::text,
            n.what, max(t.name) FILTER (WHERE t.relation = t.top),
            'partitions', jsonb_agg(t.name ORDER BY t.name COLLATE "C") FILTER (WHERE t.relation <> t.top)
        )), p_table_id
    )
    FROM trees AS t
    CROSS JOIN LATERAL (SELECT CASE WHEN t.is_partition THEN 'partition' ELSE 'child' END AS what) AS n
    GROUP BY t.audited, t.top, n.what
    HAVING n.what = 'partition' OR bool_or(t.relation = t.top AND (
        t.parent = t.audited
        OR t.parent NOT IN (SELECT a.relation FROM "audit".audited_tables AS a WHERE a.enabled)
    ))
    ORDER BY max(t.name) FILTER (WHERE t.relation = t.top) COLLATE "C"
$fn$;
CREATE OR REPLACE FUNCTION "audit".record_descendants(p_table_id integer, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_table oid := (SELECT t.relation FROM "audit".audited_tables AS t WHERE t.table_id = p_table_id);
    v_new record;
BEGIN
    DELETE FROM "audit".descendants AS d
    WHERE d.table_id = p_table_id AND d.is_gone AND d.noted_in <> txid_current();
    PERFORM "audit".record_gone(p_table_id, p_statement);
    FOR v_new IN
        WITH new AS (
            INSERT INTO "audit".descendants AS d (
                table_id, relation, parent, schema_name, table_name, is_partition, noted_in
            )
            SELECT p_table_id, n.relation, n.parent, s.nspname, c.relname, n.is_partition, txid_current()
            FROM "audit".current_descendants(v_table) AS n
            INNER JOIN pg_class AS c ON c.oid = n.relation
            INNER JOIN pg_namespace AS s ON s.oid = c.relnamespace
            WHERE n.relation NOT IN (
                SELECT k.relation FROM "audit".descendants AS k WHERE k.table_id = p_table_id AND NOT k.is_gone
            )
            ON CONFLICT ON CONSTRAINT descendants_table_id_relation_pk DO UPDATE
            SET is_gone = false, is_offered = false, parent = excluded.parent, noted_in = excluded.noted_in
            RETURNING d.relation, d.parent, d.is_partition
        )

        SELECT
            n.relation,
            n.is_partition,
            EXISTS (
                SELECT FROM "audit".audited_tables AS t WHERE t.relation = n.relation AND t.enabled
            ) AS is_audited
        FROM new AS n
        WHERE CASE
            WHEN n.is_partition THEN n.parent NOT IN (SELECT m.relation FROM new AS m)
            -- below an audited child it is that one's
            ELSE n.parent = v_table
                OR n.parent NOT IN (SELECT a.relation FROM "audit".audited_tables AS a WHERE a.enabled)
        END
        ORDER BY n.relation::oid
    LOOP
        IF v_new.is_partition THEN
            UPDATE "audit".descendants AS d
            SET baseline_due = true
            WHERE d.table_id = p_table_id AND d.relation = v_new.relation;
        ELSIF NOT v_new.is_audited THEN
            PERFORM "audit".record_control('child-not-audited', p_statement || jsonb_build_object(
                'table', v_table::regclass::text, 'child', v_new.relation::text
            ), p_table_id);
        END IF;
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".record_attached(integer, oid, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".record_gone(integer, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".record_descendants(integer, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION "audit".record_attached(integer, oid, jsonb) IS 'Records that a partition was attached, and an event for each row that came with it.';
COMMENT ON FUNCTION "audit".record_gone(integer, jsonb) IS 'Records which partitions and children of an audited table were detached or dropped.';
COMMENT ON FUNCTION "audit".record_descendants(integer, jsonb) IS 'Notes what came and went below an audited table; attached partitions wait for record_attached.';

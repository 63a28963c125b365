-- object:   function audit.follow_partitions(integer, jsonb)
-- object:   function audit.offer_partitions()
-- object:   function audit.record_lent(jsonb)
-- requires: functions/record_descendants.sql, functions/why_unreadable.sql, functions/grant_to_owners.sql, functions/tg_truncate.sql
-- purpose:  what a new partition takes: TRUNCATE triggers, and events for the rows that it brings
-- Both take privileges on the partition, which the kit's owner has not. Whoever made or attached it owns it,
-- so tg_ddl_lend, which acts for that role, makes the triggers, and grants SELECT for a moment. That GRANT
-- is DDL too: the watch fires again, as the kit's owner, and reads. Nobody can call any of this.
CREATE OR REPLACE FUNCTION {{ audit }}.follow_partitions(p_table_id integer, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_partition oid;
BEGIN
    PERFORM {{ audit }}.grant_to_owners(p_table_id);
    PERFORM {{ audit }}.record_descendants(p_table_id, p_statement);
    FOR v_partition IN
        SELECT d.relation
        FROM {{ audit }}.descendants AS d
        INNER JOIN pg_class AS c ON c.oid = d.relation
        WHERE d.table_id = p_table_id AND d.baseline_due AND d.noted_in = txid_current() AND NOT d.is_offered
            AND NOT ( -- whether anything is gained by waiting for a grant
                {{ audit }}.has_storage(d.relation)
                AND {{ audit }}.why_unsafe(d.relation) IS NULL
                AND has_schema_privilege(c.relnamespace, 'USAGE')
                AND NOT has_table_privilege(d.relation, 'SELECT')
            )
    LOOP
        PERFORM {{ audit }}.record_attached(p_table_id, v_partition, p_statement);
    END LOOP;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.offer_partitions()
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $fn$
    WITH offered AS (
        UPDATE {{ audit }}.descendants AS d
        SET is_offered = true -- once: what follows is DDL, and would come here again
        FROM {{ audit }}.audited_tables AS t, pg_class AS c
        WHERE d.noted_in = txid_current() AND d.is_partition AND NOT d.is_offered AND t.table_id = d.table_id
            AND c.oid = d.relation
        RETURNING d.*, t.relation AS audited, has_schema_privilege(c.relnamespace, 'USAGE') AS is_named,
            c.relkind <> 'f' AS has_triggers
    )

    SELECT jsonb_agg(jsonb_build_object(
        'relation', o.relation::oid::bigint,
        'is_gone', o.is_gone,
        'to_read', o.baseline_due AND o.is_named,
        'table_id', o.table_id,
        'triggers', (
            SELECT jsonb_object_agg(g.tgname, CASE WHEN g.tgtype & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END)
            FROM pg_trigger AS g
            WHERE o.has_triggers AND g.tgrelid = o.audited AND g.tgfoid = {{ truncate_function }}::regproc
        )
    ) ORDER BY o.relation::oid)
    FROM offered AS o
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.record_lent(p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_due record;
BEGIN
    FOR v_due IN
        SELECT d.table_id, d.relation
        FROM {{ audit }}.descendants AS d
        WHERE d.baseline_due AND d.noted_in = txid_current() AND d.is_offered
            AND has_table_privilege(d.relation, 'SELECT')
    LOOP
        PERFORM {{ audit }}.record_attached(v_due.table_id, v_due.relation, p_statement);
    END LOOP;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.follow_partitions(integer, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.offer_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.record_lent(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.follow_partitions(integer, jsonb) IS 'Records what came and went below an audited table, with the rows that can be read at once.';
COMMENT ON FUNCTION {{ audit }}.offer_partitions() IS 'What tg_ddl_lend is to do for partitions that came or went in this transaction.';
COMMENT ON FUNCTION {{ audit }}.record_lent(jsonb) IS 'Records the rows of attached partitions that can be read by now.';

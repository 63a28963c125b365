CREATE OR REPLACE FUNCTION "audit".follow_partitions(p_table_id integer, p_statement jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_partition oid;
BEGIN
    PERFORM "audit".record_descendants(p_table_id, p_statement);
    FOR v_partition IN
        SELECT d.relation
        FROM "audit".descendants AS d
        INNER JOIN pg_class AS c ON c.oid = d.relation
        WHERE d.table_id = p_table_id AND d.baseline_due AND d.noted_in = txid_current() AND NOT d.is_offered
            AND NOT ( -- whether anything is gained by waiting for a grant
                "audit".has_storage(d.relation)
                AND "audit".why_unsafe(d.relation) IS NULL
                AND has_schema_privilege(c.relnamespace, 'USAGE')
                AND NOT has_table_privilege(d.relation, 'SELECT')
            )
    LOOP
        PERFORM "audit".record_attached(p_table_id, v_partition, p_statement);
    END LOOP;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".offer_partitions()
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $fn$
    WITH offered AS (
        UPDATE "audit".descendants AS d
        SET is_offered = true -- once: what follows is DDL, and would come here again
        FROM pg_class AS c
        WHERE d.noted_in = txid_current() AND d.is_partition AND NOT d.is_offered AND c.oid = d.relation
        RETURNING d.*, has_schema_privilege(c.relnamespace, 'USAGE') AS is_named
    ),

    acts AS (
        SELECT o.relation::oid AS relation, 'drop' AS act, false AS to_read, false AS to_arm
        FROM offered AS o
        WHERE o.is_gone
        UNION ALL
        SELECT
            o.relation, 'lend',
            o.baseline_due AND NOT has_table_privilege(o.relation, 'SELECT'),
            g.is_missing AND NOT has_table_privilege(o.relation, 'TRIGGER')
        FROM offered AS o
        CROSS JOIN LATERAL (
            SELECT EXISTS (
                SELECT FROM pg_trigger AS g
                INNER JOIN "audit".audited_tables AS t ON t.relation = g.tgrelid
                WHERE t.table_id = o.table_id AND g.tgfoid = '"audit"."tg_truncate"'::regproc
                    AND NOT EXISTS (
                        SELECT FROM pg_trigger AS h
                        WHERE h.tgrelid = o.relation AND h.tgname = g.tgname AND h.tgfoid = g.tgfoid
                    )
            ) AS is_missing
        ) AS g
        WHERE NOT o.is_gone AND o.is_named
    )

    SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.relation), '[]')
    FROM acts AS a
    WHERE a.act <> 'lend' OR a.to_read OR a.to_arm
$fn$;
CREATE OR REPLACE FUNCTION "audit".use_lent_privileges(p_statement jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_trigger record;
    v_due record;
    v_comments jsonb := '[]';
BEGIN
    FOR v_trigger IN
        SELECT
            d.relation,
            g.tgname AS name,
            -- the text that the kit's renderer gives, whose digest the comment holds
            format(
                E'CREATE OR REPLACE TRIGGER "%1$s"\n%2$s TRUNCATE ON "%3$s"."%4$s"\n'
                'FOR EACH STATEMENT EXECUTE FUNCTION "%5$s"."tg_truncate"(''%6$s'');\n',
                replace(g.tgname, '"', '""'),
                CASE WHEN g.tgtype & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END,
                replace(n.nspname, '"', '""'), replace(c.relname, '"', '""'),
                replace('audit', '"', '""'), d.table_id
            ) AS statement,
            format(
                E'ALTER TABLE "%1$s"."%2$s" ENABLE ALWAYS TRIGGER "%3$s";\n',
                replace(n.nspname, '"', '""'), replace(c.relname, '"', '""'), replace(g.tgname, '"', '""')
            ) AS statement_of_owner
        FROM "audit".descendants AS d
        INNER JOIN "audit".audited_tables AS t ON t.table_id = d.table_id AND t.enabled
        INNER JOIN pg_trigger AS g ON g.tgrelid = t.relation AND g.tgfoid = '"audit"."tg_truncate"'::regproc
        INNER JOIN pg_class AS c ON c.oid = d.relation
        INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE d.noted_in = txid_current() AND d.is_partition AND d.is_offered AND NOT d.is_gone
            AND has_table_privilege(d.relation, 'TRIGGER')
            AND NOT EXISTS (
                SELECT FROM pg_trigger AS h
                WHERE h.tgrelid = d.relation AND h.tgname = g.tgname AND h.tgfoid = g.tgfoid
            )
    LOOP
        EXECUTE v_trigger.statement;
        v_comments := v_comments || (
            SELECT jsonb_build_object(
                'act', 'comment', 'relation', v_trigger.relation::oid, 'trigger', v_trigger.name,
                'comment', format('[pgaudit-kit sha256:%s%s on %s]',
                    left(encode(sha256(convert_to(
                        v_trigger.statement || v_trigger.statement_of_owner, 'UTF8'
                    )), 'hex'), 32),
                    left(encode(sha256(convert_to(
                        format(E'%s\nA', pg_get_triggerdef(g.oid)), 'UTF8'
                    )), 'hex'), 32),
                    current_setting('server_version_num')::integer / 10000)
            )
            FROM pg_trigger AS g
            WHERE g.tgrelid = v_trigger.relation AND g.tgname = v_trigger.name
        );
    END LOOP;
    FOR v_due IN
        SELECT d.table_id, d.relation
        FROM "audit".descendants AS d
        WHERE d.baseline_due AND d.noted_in = txid_current() AND d.is_offered
            AND has_table_privilege(d.relation, 'SELECT')
    LOOP
        PERFORM "audit".record_attached(v_due.table_id, v_due.relation, p_statement);
    END LOOP;
    RETURN v_comments;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".follow_partitions(integer, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".offer_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".use_lent_privileges(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION "audit".follow_partitions(integer, jsonb) IS 'Records what came and went below an audited table, with the rows that can be read at once.';
COMMENT ON FUNCTION "audit".offer_partitions() IS 'What tg_ddl_lend is to do for partitions that came or went in this transaction.';
COMMENT ON FUNCTION "audit".use_lent_privileges(jsonb) IS 'Puts triggers on new partitions and records the rows they brought; returns comments that are to be set.';

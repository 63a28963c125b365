-- object:   function audit.record_baseline(integer, oid)
-- requires: functions/capture_query.sql, functions/capture_shape.sql, functions/stored_tenant.sql, functions/via_tenant.sql, functions/read_context.sql, tables/change_events.sql
-- purpose:  an event for each row that is there already; runs as whoever installs, who can read the table
-- Partitions are read through the partitioned table, or through the one of them that is named. A table's
-- inheritance children are audited tables of their own.
CREATE OR REPLACE FUNCTION {{ audit }}.record_baseline(p_table_id integer, p_partition oid DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = on -- off would be an error for the log itself
{% include 'snippets/image_settings.sql' %}
AS $fn$
DECLARE
    v_table {{ audit }}.audited_tables;
    v_from regclass;
    v_key_is_personal boolean;
    v_tenant text;
    v_context jsonb := {% include 'snippets/session_context.sql' %};
    v_events bigint;
BEGIN
    SELECT * INTO STRICT v_table FROM {{ audit }}.audited_tables AS t WHERE t.table_id = p_table_id;
    v_from := coalesce(p_partition, v_table.relation::oid);
    IF row_security_active(v_from::oid) THEN
        RAISE EXCEPTION 'row security of % would leave rows out of the baseline', v_from
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'Run the command as the owner of the table, or as a role with BYPASSRLS.';
    END IF;
    v_key_is_personal := v_table.key_attnums && v_table.personal_attnums;
    v_tenant := CASE v_table.declaration #>> '{tenant,kind}'
        WHEN 'value' THEN v_table.declaration #>> '{tenant,name}'
        WHEN 'setting' THEN coalesce(
            nullif(current_setting(v_table.declaration #>> '{tenant,name}', true), ''),
            {{ audit }}.read_context() ->> 'tenant_id'
        )
    END;
    EXECUTE format(
        $q$
        WITH image AS MATERIALIZED (
            SELECT
                nextval({{ event_id_seq }}) AS event_id,
                clock_timestamp() AS occurred_at,
                t.xmin AS row_xmin,
                CASE WHEN $7 IS NULL
                    THEN {{ audit }}.stored_tenant(CASE WHEN $1 THEN q.tenant ELSE $2 END)
                    ELSE {{ audit }}.via_tenant($7, q.tenant)
                END AS tenant_id,
                CASE WHEN octet_length(q.key) > 1000
                    THEN 'sha256:' || encode(sha256(convert_to(q.key, 'UTF8')), 'hex')
                    ELSE q.key
                END AS record_key,
                q.recorded,
                q.personal,
                q.subject,
                uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS salt,
                uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS key_salt
            FROM %1$s %2$s AS t
            CROSS JOIN LATERAL (%3$s) AS q
            %4$s
        ),

        personal_values AS (
            INSERT INTO {{ audit }}.personal_values (
                event_id, occurred_at, tenant_id, subject, salt, new_values{% if regions_of_tables %}, table_id{% endif %}

            )
            SELECT i.event_id, i.occurred_at, i.tenant_id, i.subject, i.salt, i.personal{% if regions_of_tables %}, $3{% endif %}

            FROM image AS i
            WHERE i.personal IS NOT NULL
        ),

        personal_keys AS (
            INSERT INTO {{ audit }}.personal_keys (event_id, occurred_at, tenant_id, table_id, record_key, salt)
            SELECT i.event_id, i.occurred_at, i.tenant_id, $3, i.record_key, i.key_salt
            FROM image AS i
            WHERE $5 AND i.record_key IS NOT NULL
        )

        INSERT INTO {{ audit }}.change_events (
            event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
            record_key, context, new_values, personal_commitment
        )
        SELECT
            i.event_id, i.occurred_at, txid_current(), $3, $4, i.row_xmin, 'B', i.tenant_id,
            CASE WHEN $5
                THEN 'sha256:' || encode(sha256(i.key_salt || convert_to(i.record_key, 'UTF8')), 'hex')
                ELSE i.record_key
            END,
            $6, i.recorded,
            CASE WHEN i.personal IS NOT NULL THEN sha256(i.salt || convert_to(
                jsonb_build_array(NULL::jsonb, i.personal, NULL::jsonb)::text, 'UTF8'
            )) END
        FROM image AS i
        $q$,
        (SELECT CASE c.relkind WHEN 'r' THEN 'ONLY' END FROM pg_class AS c WHERE c.oid = v_from),
        v_from,
        {{ audit }}.capture_query({{ audit }}.capture_shape(
            v_table.relation, v_table.key_attnums, v_table.excluded_attnums, v_table.personal_attnums,
            v_table.tenant_attnum, v_table.subject_attnum
        ), 'row', true, 't'),
        -- of built-in functions over t alone, as the plan made sure
        'WHERE (' || (v_table.declaration ->> 'baseline_when') || ') IS NOT FALSE'
    ) USING v_table.tenant_attnum IS NOT NULL, v_tenant, v_table.table_id, v_table.table_version,
        v_key_is_personal, v_context, (v_table.declaration #>> '{tenant,parent}')::integer;
    GET DIAGNOSTICS v_events = ROW_COUNT;
    RETURN v_events;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.record_baseline(integer, oid) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.record_baseline(integer, oid) IS 'Records an event for each row of an audited table, or of one of its partitions; returns how many.';

CREATE OR REPLACE FUNCTION "audit".note_tenant(p_table_id integer, p_record_key text, p_tenant_id text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF p_record_key IS NOT NULL THEN
        INSERT INTO "audit".row_tenants (table_id, record_key, tenant_id)
        VALUES (
            p_table_id,
            CASE WHEN octet_length(p_record_key) > 1000
                THEN 'sha256:' || encode(sha256(convert_to(p_record_key, 'UTF8')), 'hex') ELSE p_record_key END,
            p_tenant_id
        );
    END IF;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".via_tenant(p_table_id integer, p_record_key text)
RETURNS text
LANGUAGE plpgsql -- which keeps the plan of this query for the session
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN coalesce((
        SELECT n.tenant_id
        FROM "audit".row_tenants AS n
        WHERE n.table_id = p_table_id AND n.record_key = CASE WHEN octet_length(p_record_key) > 1000
            THEN 'sha256:' || encode(sha256(convert_to(p_record_key, 'UTF8')), 'hex') ELSE p_record_key END
        ORDER BY n.note_id DESC
        LIMIT 1
    ), 'default');
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".note_tenants(p_table_id integer, p_partition oid DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = on -- off would be an error for the kit's own tables
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex'
SET extra_float_digits = 1
SET lc_monetary = 'C'
SET quote_all_identifiers = off
AS $fn$
DECLARE
    v_table "audit".audited_tables;
    v_from regclass;
    v_notes bigint;
BEGIN
    SELECT * INTO STRICT v_table FROM "audit".audited_tables AS t WHERE t.table_id = p_table_id;
    v_from := coalesce(p_partition, v_table.relation::oid);
    IF row_security_active(v_from::oid) THEN
        RAISE EXCEPTION 'row security of % hides rows by which other tables find their tenant', v_from
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'Run the command as the owner of the table, or as a role with BYPASSRLS.';
    END IF;
    EXECUTE format(
        $q$
        INSERT INTO "audit".row_tenants (table_id, record_key, tenant_id)
        SELECT n.table_id, n.record_key, n.tenant_id
        FROM (
            SELECT
                $1 AS table_id,
                CASE WHEN octet_length(q.key) > 1000
                    THEN 'sha256:' || encode(sha256(convert_to(q.key, 'UTF8')), 'hex') ELSE q.key END AS record_key,
                CASE WHEN $2 IS NULL
                    THEN "audit".stored_tenant(q.tenant) ELSE "audit".via_tenant($2, q.tenant)
                END AS tenant_id
            FROM %1$s %2$s AS t
            CROSS JOIN LATERAL (%3$s) AS q
        ) AS n
        WHERE n.record_key IS NOT NULL
            AND n.tenant_id IS DISTINCT FROM (
                SELECT o.tenant_id
                FROM "audit".row_tenants AS o
                WHERE o.table_id = n.table_id AND o.record_key = n.record_key
                ORDER BY o.note_id DESC
                LIMIT 1
            )
        $q$,
        (SELECT CASE c.relkind WHEN 'r' THEN 'ONLY' END FROM pg_class AS c WHERE c.oid = v_from),
        v_from,
        "audit".capture_query("audit".capture_shape(
            v_table.relation, v_table.key_attnums, v_table.excluded_attnums, v_table.personal_attnums,
            v_table.tenant_attnum, v_table.subject_attnum
        ), 'row', true, 't')
    ) USING p_table_id, (v_table.declaration #>> '{tenant,parent}')::integer;
    GET DIAGNOSTICS v_notes = ROW_COUNT;
    RETURN v_notes;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".note_tenant(integer, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".via_tenant(integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".note_tenants(integer, oid) FROM PUBLIC;
COMMENT ON FUNCTION "audit".note_tenant(integer, text, text) IS 'Notes whose a row is, for tables that find their tenant by it.';
COMMENT ON FUNCTION "audit".via_tenant(integer, text) IS 'Whose the row with this key is, also once it is deleted; default where nothing is known of it.';
COMMENT ON FUNCTION "audit".note_tenants(integer, oid) IS 'Notes whose the rows are that are there, where that is not noted yet; returns how many.';

CREATE OR REPLACE FUNCTION "audit".note_reading(p_reader name, p_function text, p_filter jsonb, p_rows bigint)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER -- readers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on
SET client_min_messages = notice -- the line is the server's: one may ask in another's name, and it tells the tenants
AS $fn$
DECLARE
    v_query text := left(current_query(), 8000);
    v_detail jsonb;
BEGIN
    IF coalesce((SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = p_reader), false) THEN
        RETURN true;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = p_reader) THEN
        RAISE EXCEPTION 'there is no role %', p_reader USING ERRCODE = 'undefined_object';
    END IF;
    v_detail := jsonb_strip_nulls(jsonb_build_object(
        'reader', p_reader,
        'auditor', pg_has_role(p_reader, 'pgaudit_kit_auditor', 'usage'),
        'tenants', (
            SELECT coalesce(jsonb_agg(DISTINCT t.tenant_id), '[]')
            FROM (
        SELECT
            CASE
                WHEN r.via = 'membership' THEN r.tenant_id
                WHEN pg_catalog.octet_length(pg_catalog.current_setting('pgaudit_kit.tenant_id', true)) > 200
                    THEN 'sha256:' || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
                        pg_catalog.current_setting('pgaudit_kit.tenant_id', true), 'UTF8'
                    )), 'hex')
                WHEN pg_catalog.starts_with(pg_catalog.current_setting('pgaudit_kit.tenant_id', true), '_')
                    THEN '_' || pg_catalog.current_setting('pgaudit_kit.tenant_id', true)
                ELSE pg_catalog.current_setting('pgaudit_kit.tenant_id', true)
            END
        FROM "audit".tenant_readers AS r
        WHERE
            r.role = ANY(ARRAY(
                SELECT o.rolname FROM pg_catalog.pg_roles AS o
                WHERE pg_catalog.pg_has_role(p_reader, o.oid, 'usage')
            ))
            AND (r.via = 'membership' OR pg_catalog.current_setting('pgaudit_kit.tenant_id', true) <> '')
            ) AS t (tenant_id)
        ),
        'function', p_function,
        'filter', p_filter,
        'rows', p_rows,
        'query', v_query
    ));
    RAISE LOG 'pgaudit-kit: audit log read by %, session user %: %', p_reader, session_user, v_detail;
    IF current_setting('transaction_read_only') = 'off' THEN
        PERFORM "audit".record_control('log-read', v_detail);
    END IF;
    RETURN true;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".note_read(p_reader name)
RETURNS boolean
LANGUAGE sql
VOLATILE
SECURITY DEFINER -- so that readers need not be able to call more
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
    SELECT "audit".note_reading(p_reader, NULL, NULL, NULL)
$fn$;
REVOKE ALL ON FUNCTION "audit".note_reading(name, text, jsonb, bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".note_read(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".note_reading(name, text, jsonb, bigint) TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
GRANT EXECUTE ON FUNCTION "audit".note_read(name) TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON FUNCTION "audit".note_reading(name, text, jsonb, bigint) IS 'Records that a reading function was called; always true.';
COMMENT ON FUNCTION "audit".note_read(name) IS 'Records that the view events was read, once for each reference in a query; always true.';

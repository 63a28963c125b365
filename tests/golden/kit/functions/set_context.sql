CREATE OR REPLACE FUNCTION "audit".set_context(
    actor_id text DEFAULT NULL,
    action text DEFAULT NULL,
    tenant_id text DEFAULT NULL,
    session_id text DEFAULT NULL,
    request_id text DEFAULT NULL,
    correlation_id text DEFAULT NULL,
    client_app text DEFAULT NULL,
    auth_method text DEFAULT NULL,
    permissions text[] DEFAULT NULL,
    ip text DEFAULT NULL,
    user_agent text DEFAULT NULL,
    geo text DEFAULT NULL,
    node_id text DEFAULT NULL,
    extra jsonb DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_before text := current_setting('pgaudit_kit.context_audit', true);
    v_given jsonb;
    v_context jsonb := '{}'::jsonb;
    v_text text;
    v_name text;
BEGIN
    IF extra IS NOT NULL THEN
        IF jsonb_typeof(extra) <> 'object' THEN
            RAISE EXCEPTION 'extra must be a JSON object, not %', jsonb_typeof(extra)
                USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Pass for example extra => ''{"order": 42}''.';
        END IF;
        FOREACH v_name IN ARRAY '{actor_id,action,tenant_id}'::text[] LOOP
            IF jsonb_typeof(extra -> v_name) <> 'string' THEN
                RAISE EXCEPTION '% must be a string, not %', v_name, jsonb_typeof(extra -> v_name)
                    USING ERRCODE = 'invalid_parameter_value',
                    HINT = format('Pass it as a parameter of its own: %s => ''…''.', v_name);
            END IF;
        END LOOP;
    END IF;
    IF ip <> '' THEN
        BEGIN
            PERFORM ip::inet;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION 'ip is not an IP address: %', left(ip, 100)
                USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Pass one address, for example 203.0.113.7 or 2001:db8::7.';
        END;
    END IF;
    v_given := jsonb_strip_nulls(jsonb_build_object(
        'actor_id', actor_id, 'action', action, 'tenant_id', tenant_id, 'session_id', session_id,
        'request_id', request_id, 'correlation_id', correlation_id, 'client_app', client_app,
        'auth_method', auth_method, 'permissions', permissions, 'ip', ip, 'user_agent', user_agent,
        'geo', geo, 'node_id', node_id
    ));
    IF v_before <> '' THEN
        BEGIN
            v_context := v_before::jsonb;
        EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
            NULL; -- somebody wrote nonsense into the setting; begin anew
        END;
        IF jsonb_typeof(v_context) <> 'object' THEN
            v_context := '{}';
        END IF;
    END IF;
    v_context := v_context || coalesce(extra, '{}') || v_given;
    v_text := v_context::text;
    IF v_text LIKE '%: ""%' THEN -- '' takes a field away again
        SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}')::text INTO v_text
        FROM jsonb_each(v_context) AS f
        WHERE f.value <> '""';
    END IF;
    IF octet_length(v_text) > 65536 THEN
        RAISE EXCEPTION 'the context has % bytes, more than 65536', octet_length(v_text)
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Keep large documents elsewhere and name them here.';
    END IF;
    PERFORM set_config('pgaudit_kit.context_audit', v_text, true);
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".set_context(
    text, text, text, text, text, text, text, text, text[], text, text, text, text, jsonb
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".set_context(
    text, text, text, text, text, text, text, text, text[], text, text, text, text, jsonb
) TO PUBLIC;
COMMENT ON FUNCTION "audit".set_context(
    text, text, text, text, text, text, text, text, text[], text, text, text, text, jsonb
) IS 'Says who acts and what is meant, for the rest of this transaction; later calls add to it, an empty string takes a field away.';

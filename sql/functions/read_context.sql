-- object:   function audit.read_context
-- requires: schema/audit.sql
-- purpose:  what set_context said in this transaction, or NULL; never fails, since any role can set any custom setting
-- With the operation (I, U, D or T) it also says where the action is declared for other operations.
CREATE OR REPLACE FUNCTION {{ audit }}.read_context(p_operation text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_text text := current_setting({{ context_setting }}, true);
    v_context jsonb;
    v_name text;
{% if has_actions %}
    c_actions CONSTANT jsonb := {{ actions }};
{% endif %}
BEGIN
    IF v_text IS NULL OR v_text = '' THEN
        RETURN NULL;
    END IF;
    IF octet_length(v_text) > 65536 THEN
        RETURN jsonb_build_object('context_error', format('%s bytes, more than 65536', octet_length(v_text)));
    END IF;
    BEGIN
        v_context := v_text::jsonb;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
        RETURN jsonb_build_object('context_error', 'not JSON');
    END;
    IF octet_length(v_context::text) > 262144 THEN -- a number like 1e131000 grows
        RETURN jsonb_build_object('context_error', format('%s bytes as jsonb', octet_length(v_context::text)));
    END IF;
    IF jsonb_typeof(v_context) <> 'object' THEN
        RETURN jsonb_build_object('context_error', 'not an object');
    END IF;
    IF jsonb_typeof(v_context -> 'actor_id') NOT IN ('string', 'null')
        OR jsonb_typeof(v_context -> 'action') NOT IN ('string', 'null')
        OR jsonb_typeof(v_context -> 'tenant_id') NOT IN ('string', 'null')
    THEN
        FOREACH v_name IN ARRAY '{actor_id,action,tenant_id}'::text[] LOOP
            IF jsonb_typeof(v_context -> v_name) NOT IN ('string', 'null') THEN
                v_context := (v_context - v_name)
                    || jsonb_build_object('context_error', format('%s is not a string', v_name));
            END IF;
        END LOOP;
    END IF;
{% if has_actions %}
    IF p_operation = ANY ('{I,U,D,T}'::text[]) THEN
        v_context := v_context - 'action_mismatch';
        IF c_actions ? (v_context ->> 'action') AND NOT c_actions -> (v_context ->> 'action') ? p_operation THEN
            v_context := v_context || '{"action_mismatch": true}'; -- recorded all the same
        END IF;
    END IF;
{% endif %}
    RETURN v_context;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.read_context(text) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.read_context(text) IS 'Context of the running transaction as a JSON object; NULL where there is none.';

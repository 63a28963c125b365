    BEGIN
        IF TG_OP = 'UPDATE' THEN
            v_xmin := NEW.xmin;
            v_key := {{ old.key }};
            v_tenant := {{ old.tenant }};
{% if subject %}
            v_subject := {{ old.subject }};
{% endif %}
{% if moves %}
{% if via %}
            v_tenant_after := CASE WHEN {{ tenant_differs }} THEN {{ new.tenant }} ELSE v_tenant END;
{% else %}
            v_tenant_after := {{ new.tenant }};
{% endif %}
            v_moves := v_tenant <> v_tenant_after{% if crosses %} OR TG_NARGS > 0{% endif %};
            IF v_moves THEN
                v_old := {{ old.recorded }};
                v_new := {{ new.recorded }};
{% if subject %}
                v_subject_after := {{ new.subject }};
{% endif %}
{% if personal %}
                v_personal_old := {{ old.personal }};
                v_personal_new := {{ new.personal }};
{% endif %}
            ELSE
{% endif %}
{% include 'triggers/changes.sql' %}
{% if moves %}
            END IF;
{% endif %}
        ELSIF TG_OP = 'INSERT' THEN
            v_xmin := NEW.xmin;
            v_key := {{ new.key }};
            v_tenant := {{ new.tenant }};
            v_new := {{ new.recorded }};
{% if personal %}
            v_personal_new := {{ new.personal }};
{% endif %}
{% if subject %}
            v_subject := {{ new.subject }};
{% endif %}
        ELSE
            v_key := {{ old.key }};
            v_tenant := {{ old.tenant }};
            v_old := {{ old.recorded }};
{% if personal %}
            v_personal_old := {{ old.personal }};
{% endif %}
{% if subject %}
            v_subject := {{ old.subject }};
{% endif %}
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
        -- a value that jsonb cannot hold must not abort the user's write
        v_slow := true;
        v_lenient := true;
    END;

        IF TG_OP = 'UPDATE' THEN
            v_xmin := NEW.xmin;
            EXECUTE {{ audit }}.capture_query(v_shape, 'change', v_lenient)
            INTO v_old, v_new, v_personal_old, v_personal_new, v_key, v_tenant, v_tenant_after, v_subject
            USING OLD, NEW;
            v_tenant_after := {{ generic_after }};
{% if notes_key %}
            EXECUTE {{ audit }}.capture_query(v_shape, 'row', v_lenient)
            INTO v_ignored, v_ignored, v_key_after, v_ignored, v_ignored USING NEW;
{% endif %}
            v_moves := {{ generic_before }} <> v_tenant_after{% if crosses %} OR TG_NARGS > 0{% endif %};
            IF v_moves THEN
                v_row_query := {{ audit }}.capture_query(v_shape, 'row', v_lenient);
                EXECUTE v_row_query INTO v_old, v_personal_old, v_key, v_tenant, v_subject USING OLD;
                EXECUTE v_row_query INTO v_new, v_personal_new, v_ignored, v_ignored, v_subject_after USING NEW;
            END IF;
        ELSE
            v_row_query := {{ audit }}.capture_query(v_shape, 'row', v_lenient);
            IF TG_OP = 'INSERT' THEN
                v_xmin := NEW.xmin;
                EXECUTE v_row_query INTO v_new, v_personal_new, v_key, v_tenant, v_subject USING NEW;
            ELSE
                EXECUTE v_row_query INTO v_old, v_personal_old, v_key, v_tenant, v_subject USING OLD;
            END IF;
        END IF;
        v_tenant := {{ generic_tenant }};
{% if crosses and not tenant_moves %}
        v_tenant_after := v_tenant;
{% endif %}

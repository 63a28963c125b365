        PERFORM {{ audit }}.append_event(
            {{ table_id }}, v_table_version, v_operation, v_tenant, v_key,
            CASE WHEN v_operation = 'D' THEN v_recorded END, CASE WHEN v_operation = 'I' THEN v_recorded END,
            CASE WHEN v_operation = 'D' THEN v_personal END, CASE WHEN v_operation = 'I' THEN v_personal END,
            v_subject, {{ key_is_personal }}
        );

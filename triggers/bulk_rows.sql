    FOR v_recorded, v_personal, v_key, v_tenant, v_subject IN EXECUTE format(
        'SELECT q.* FROM changed_rows AS r CROSS JOIN LATERAL (%s) AS q',
        {{ audit }}.capture_query(v_shape, 'row', v_lenient, 'r')
    ) LOOP
        v_tenant := {{ generic_tenant }};
{% include 'triggers/bulk_append.sql' %}
    END LOOP;

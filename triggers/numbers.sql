        -- In a restored copy columns may have other numbers than when this function was made.
        IF v_renumbered THEN
            v_key_attnums := {{ audit }}.current_attnums(
                v_relation, v_key_attnums, {{ numbers }}, {{ highest }}
            );
            v_excluded_attnums := {{ audit }}.current_attnums(
                v_relation, v_excluded_attnums, {{ numbers }}, {{ highest }}
            );
            v_personal_attnums := {{ audit }}.current_attnums(
                v_relation, v_personal_attnums, {{ numbers }}, {{ highest }}
            );
            v_tenant_attnum := ({{ audit }}.current_attnums(
                v_relation, ARRAY[v_tenant_attnum], {{ numbers }}, {{ highest }}
            ))[1];
            v_subject_attnum := ({{ audit }}.current_attnums(
                v_relation, ARRAY[v_subject_attnum], {{ numbers }}, {{ highest }}
            ))[1];
{% include 'triggers/columns_now.sql' %}
        END IF;

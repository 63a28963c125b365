{% for column in columns %}
            IF {{ column.differs }} THEN
                {{ column.old_target }} := coalesce({{ column.old_target }}, '{}')
                    || jsonb_build_object({{ column.name }}, {{ column.old }});
                {{ column.new_target }} := coalesce({{ column.new_target }}, '{}')
                    || jsonb_build_object({{ column.name }}, {{ column.new }});
{% if column.may_look_equal %}
                IF {{ column.looks_equal }} THEN
                    {{ column.raw_target }} := true;
                END IF;
{% endif %}
            END IF;
{% endfor %}
{% if may_look_equal %}
            IF v_raw THEN
                v_old := v_old || jsonb_build_object('~row', {{ old.raw }});
                v_new := v_new || jsonb_build_object('~row', {{ new.raw }});
            END IF;
            IF v_raw_personal THEN
                v_personal_old := v_personal_old || jsonb_build_object('~row', {{ old.raw_personal }});
                v_personal_new := v_personal_new || jsonb_build_object('~row', {{ new.raw_personal }});
            END IF;
{% endif %}

        -- Most tables have nothing but types for which jsonb of the whole row tells everything: then no
        -- query has to be made.
        IF v_fast AND v_hides AND TG_OP = 'UPDATE' THEN
            -- Two values have one jsonb: SQL's NULL and JSON's null, arrays whose bounds differ.
            v_raw_text := concat(OLD, NEW);
            v_fast := v_raw_text NOT LIKE '%null%' AND v_raw_text NOT LIKE '%]=%';
        END IF;
        IF v_fast THEN
            IF TG_OP <> 'INSERT' THEN
                v_old := to_jsonb(OLD);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                v_new := to_jsonb(NEW);
                v_xmin := NEW.xmin;
            END IF;
            v_row := coalesce(v_old, v_new);
{% if not guarded %}
            IF NOT v_row ?& (
                v_excluded || v_personal || v_key_columns || v_tenant_column || v_subject_column
            ) THEN
                RAISE undefined_column;
            END IF;
{% endif %}
            v_key := CASE WHEN {{ key_count }} = 1 THEN v_row ->> v_key_columns[1] ELSE (
                SELECT jsonb_agg(v_row ->> k.name ORDER BY k.ordinality)::text
                FROM unnest(v_key_columns) WITH ORDINALITY AS k (name, ordinality)
            ) END;
{% if notes_key %}
            v_key_after := v_new ->> v_key_columns[1];
{% endif %}
            v_subject := v_row ->> v_subject_column;
            v_tenant := v_row ->> v_tenant_column;
            v_tenant_after := v_new ->> v_tenant_column;
            v_old := v_old - v_excluded;
            v_new := v_new - v_excluded;
            IF TG_OP = 'UPDATE' THEN
                v_tenant_after := {{ generic_after }};
                v_moves := {{ generic_before }} <> v_tenant_after{% if crosses %} OR TG_NARGS > 0{% endif %};
                IF v_moves THEN
                    v_subject_after := to_jsonb(NEW) ->> v_subject_column;
                ELSE
                    SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value)
                    INTO v_old, v_new
                    FROM jsonb_each(v_old) AS o
                    INNER JOIN jsonb_each(v_new) AS n ON n.key = o.key
                    WHERE n.value::text <> o.value::text;
                END IF;
            END IF;
            v_tenant := {{ generic_tenant }};
{% if crosses and not tenant_moves %}
            v_tenant_after := v_tenant;
{% endif %}
            IF v_personal <> '{}' THEN
                SELECT jsonb_object_agg(o.key, o.value) INTO v_personal_old
                FROM jsonb_each(v_old) AS o WHERE o.key = ANY (v_personal);
                SELECT jsonb_object_agg(n.key, n.value) INTO v_personal_new
                FROM jsonb_each(v_new) AS n WHERE n.key = ANY (v_personal);
                v_old := v_old - v_personal;
                v_new := v_new - v_personal;
            END IF;
        END IF;

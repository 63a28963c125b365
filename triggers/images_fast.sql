        -- Most tables have nothing but types for which jsonb of the whole row tells everything: then no
        -- query has to be made. The names are read from the catalogs for each row, since DDL may come.
        SELECT
            bool_and(
                a.attgenerated <> 'v' AND a.atttypid = ANY (
                    CASE WHEN a.attnum = ANY (
                        {{ key_attnums }} || {{ tenant_attnum }} || {{ subject_attnum }}
                    ) THEN v_text_types ELSE v_types END
                )
            ),
            coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY ({{ excluded_attnums }})), '{}'),
            coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY ({{ personal_attnums }})), '{}'),
            array_agg(a.attname::text ORDER BY array_position({{ key_attnums }}, a.attnum))
                FILTER (WHERE a.attnum = ANY ({{ key_attnums }})),
            max(a.attname::text) FILTER (WHERE a.attnum = {{ tenant_attnum }}),
            max(a.attname::text) FILTER (WHERE a.attnum = {{ subject_attnum }})
        INTO v_fast, v_excluded, v_personal, v_key_columns, v_tenant_column, v_subject_column
        FROM pg_attribute AS a
        WHERE a.attrelid = v_relation AND a.attnum > 0 AND NOT a.attisdropped;
        IF v_fast THEN
            IF TG_OP <> 'INSERT' THEN
                v_old := to_jsonb(OLD) - v_excluded;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                v_new := to_jsonb(NEW) - v_excluded;
                v_xmin := NEW.xmin;
            END IF;
            v_row := coalesce(v_old, v_new);
            v_key := CASE WHEN {{ key_count }} = 1 THEN v_row ->> v_key_columns[1] ELSE (
                SELECT jsonb_agg(v_row ->> k.name ORDER BY k.ordinality)::text
                FROM unnest(v_key_columns) WITH ORDINALITY AS k (name, ordinality)
            ) END;
            v_subject := v_row ->> v_subject_column;
            v_tenant := v_row ->> v_tenant_column;
            IF TG_OP = 'UPDATE' THEN
                v_tenant_after := {{ audit }}.stored_tenant(v_new ->> v_tenant_column);
                v_moves := {{ audit }}.stored_tenant(v_tenant) <> v_tenant_after;
                IF NOT v_moves THEN
                    SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value)
                    INTO v_old, v_new
                    FROM jsonb_each(v_old) AS o
                    INNER JOIN jsonb_each(v_new) AS n ON n.key = o.key
                    WHERE n.value::text <> o.value::text;
                END IF;
            END IF;
            v_tenant := {{ generic_tenant }};
            IF v_personal <> '{}' THEN
                SELECT jsonb_object_agg(o.key, o.value) INTO v_personal_old
                FROM jsonb_each(v_old) AS o WHERE o.key = ANY (v_personal);
                SELECT jsonb_object_agg(n.key, n.value) INTO v_personal_new
                FROM jsonb_each(v_new) AS n WHERE n.key = ANY (v_personal);
                v_old := v_old - v_personal;
                v_new := v_new - v_personal;
            END IF;
        END IF;

    -- Nothing tells this function of DDL, so it reads the catalogs for each row.
    SELECT
        bool_and(
            a.attgenerated <> 'v' AND a.atttypid = ANY (
                CASE WHEN a.attnum = ANY (v_key_attnums || v_tenant_attnum || v_subject_attnum)
                    THEN c_text_types ELSE c_plain_types || c_hiding_types END
            )
        ),
        bool_or(a.atttypid = ANY (c_hiding_types)),
        coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY (v_excluded_attnums)), '{}'),
        coalesce(array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY (v_personal_attnums)), '{}'),
        array_agg(a.attname::text ORDER BY array_position(v_key_attnums, a.attnum))
            FILTER (WHERE a.attnum = ANY (v_key_attnums)),
        max(a.attname::text) FILTER (WHERE a.attnum = v_tenant_attnum),
        max(a.attname::text) FILTER (WHERE a.attnum = v_subject_attnum),
        bool_or(a.attnum <> ({{ numbers }} ->> a.attname::text)::smallint)
    INTO v_fast, v_hides, v_excluded, v_personal, v_key_columns, v_tenant_column, v_subject_column,
        v_renumbered
    FROM pg_attribute AS a
    WHERE a.attrelid = v_relation AND a.attnum > 0 AND NOT a.attisdropped;

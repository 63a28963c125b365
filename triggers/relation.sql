    -- attnums are those of the audited table; a partition may have others, but the same names
    v_relation := coalesce((
        SELECT g.tgrelid
        FROM pg_partition_ancestors(TG_RELID) AS a
        INNER JOIN pg_trigger AS g ON g.tgrelid = a.relid
        WHERE g.tgfoid = {{ capture_function }}::regproc AND g.tgparentid = 0
        LIMIT 1 -- one for each condition
    ), TG_RELID);

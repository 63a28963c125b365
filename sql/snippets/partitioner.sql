SELECT FROM pg_trigger AS w
    INNER JOIN pg_class AS o ON o.oid = w.tgrelid
    -- g is a grant on the capture function of a partitioned table to its owner, who makes partitions
    WHERE w.tgfoid = g.oid AND w.tgparentid = 0
        AND o.relkind = 'p' AND o.relowner = g.grantee
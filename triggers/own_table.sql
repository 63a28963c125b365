    -- Whoever makes partitions may execute this function: not in a trigger on another table, not before a
    -- write that may never be, and not a second time on a partition.
    IF pg_partition_root(TG_RELID)::text IS DISTINCT FROM {{ table_name }}
        OR {{ other_trigger }} OR TG_WHEN <> 'AFTER'
    THEN
        IF TG_WHEN <> 'AFTER' OR NOT EXISTS (
            -- the table was renamed, or is itself a partition, or the trigger was renamed
            SELECT FROM {{ audit }}.audited_tables AS t
            INNER JOIN pg_partition_ancestors(TG_RELID) AS a ON a.relid = t.relation
            WHERE t.table_id = {{ table_id }} AND NOT EXISTS (
                SELECT FROM pg_trigger AS g
                WHERE g.tgrelid = TG_RELID AND g.tgname = TG_NAME AND g.tgparentid = 0 AND g.tgrelid <> t.relation
            )
        ) THEN
            RAISE EXCEPTION '%.% is no part of the table whose changes this trigger records',
                quote_ident(TG_TABLE_SCHEMA), quote_ident(TG_TABLE_NAME)
                USING ERRCODE = 'trigger_protocol_violated', HINT = 'Drop the trigger.';
        END IF;
    END IF;

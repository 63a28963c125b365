    WITH RECURSIVE tree AS (
        SELECT {{ relation }} AS relation
        UNION
        SELECT i.inhrelid
        FROM tree AS t
        INNER JOIN pg_inherits AS i ON i.inhparent = t.relation
    ),

    evaluated AS (
        SELECT 'pg_class'::regclass AS classid, t.relation AS objid, t.relation
        FROM tree AS t
        UNION ALL
        SELECT 'pg_class'::regclass, i.indexrelid, t.relation
        FROM tree AS t
        INNER JOIN pg_index AS i ON i.indrelid = t.relation
        UNION ALL
        SELECT 'pg_statistic_ext'::regclass, s.oid, t.relation
        FROM tree AS t
        INNER JOIN pg_statistic_ext AS s ON s.stxrelid = t.relation
    ),

    called AS (
        SELECT e.relation, d.refobjid AS function
        FROM evaluated AS e
        INNER JOIN pg_depend AS d ON d.classid = e.classid AND d.objid = e.objid
        WHERE d.refclassid = 'pg_proc'::regclass
        UNION ALL
        SELECT e.relation, o.oprcode
        FROM evaluated AS e
        INNER JOIN pg_depend AS d ON d.classid = e.classid AND d.objid = e.objid
        INNER JOIN pg_operator AS o ON o.oid = d.refobjid
        WHERE d.refclassid = 'pg_operator'::regclass
    )

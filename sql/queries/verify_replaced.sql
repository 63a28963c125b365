-- object:   (query)
-- purpose:  whether a table is another by now than in this snapshot: emptied, rewritten, its columns renamed, or
-- other partitions below it
-- TRUNCATE and rewriting are not in a snapshot, and names are looked up when a query is planned; functions that
-- look things up see what is there now.
SELECT bool_or(s.changed) AS replaced
FROM (
    SELECT c.relfilenode <> 0 AND pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode AS changed
    FROM pg_class AS c
    WHERE c.oid = %(table)s OR c.oid IN (SELECT p.relid FROM pg_partition_tree(%(table)s::oid::regclass) AS p)
    UNION ALL
    SELECT i.identity IS DISTINCT FROM format('%%I.%%I.%%I', n.nspname, c.relname, a.attname)
    FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON c.oid = a.attrelid
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL pg_identify_object('pg_class'::regclass, a.attrelid, a.attnum) AS i
    WHERE a.attrelid = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT EXISTS (
        WITH RECURSIVE below AS (
            SELECT c.oid AS relation
            UNION ALL
            SELECT i.inhrelid
            FROM below AS u
            INNER JOIN pg_inherits AS i ON i.inhparent = u.relation
        )

        SELECT
        FROM below AS b
        FULL JOIN pg_partition_tree(%(table)s::oid::regclass) AS p ON p.relid = b.relation
        WHERE b.relation IS NULL OR p.relid IS NULL
    )
    FROM pg_class AS c
    WHERE c.oid = %(table)s AND c.relkind = 'p'
) AS s

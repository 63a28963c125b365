-- object:   (query)
-- purpose:  whether a table has other storage by now than in this snapshot: TRUNCATE and rewriting are not in it
SELECT count(*) > 0 AS replaced
FROM (
    SELECT c.oid, c.relfilenode
    FROM pg_class AS c
    WHERE c.oid = %(table)s OR c.oid IN (SELECT p.relid FROM pg_partition_tree(%(table)s::oid::regclass) AS p)
) AS s
WHERE s.relfilenode <> 0 AND pg_relation_filenode(s.oid) IS DISTINCT FROM s.relfilenode

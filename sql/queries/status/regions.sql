-- object:   (query)
-- purpose:  the declared regions: who belongs to each, and how much of the log lies there
{% with declared = sql("SELECT s.value FROM " ~ audit.sql ~ ".settings AS s WHERE s.name = 'regions'") %}
SELECT
    r.name,
    coalesce(r.tablespace, (
        SELECT t.spcname
        FROM pg_database AS d
        INNER JOIN pg_tablespace AS t ON t.oid = d.dattablespace
        WHERE d.datname = current_database()
    )) AS tablespace,
    (({{ declared }}) -> 'regions' -> (r.number - 1)::integer) -> 'tenants' AS tenants,
    (({{ declared }}) -> 'regions' -> (r.number - 1)::integer) -> 'tables' AS tables,
    count(p.oid) AS partitions,
    coalesce(sum(pg_total_relation_size(p.oid)), 0)::bigint AS bytes
FROM (
    {% include 'snippets/regions.sql' %}
) AS r
LEFT JOIN (
    SELECT c.oid, pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_class AS o
    INNER JOIN pg_inherits AS u ON u.inhparent = o.oid
    INNER JOIN pg_inherits AS i ON i.inhparent = u.inhrelid
    INNER JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE o.relnamespace = to_regnamespace({{ schema_literal }}) AND NOT o.relispartition
) AS p ON p.bound = r.bound
GROUP BY r.number, r.name, r.tablespace
ORDER BY r.number
{% endwith %}

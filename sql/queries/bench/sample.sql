-- object:   (query)
-- purpose:  the rows that are measured with: some of the table's own, or made up
-- Columns get names of ours. The key is compared as text, by output functions alone: an operator or a cast
-- of somebody else's would run with the rights of whoever measures.
CREATE TABLE {{ sample }} AS
SELECT row_number() OVER (ORDER BY s.n)::integer AS n, s.k, {% for column in columns %}s.{{ column.before }}{% if not loop.last %}, {% endif %}{% endfor %}

FROM (
    SELECT
        d.*,
        row_number() OVER (PARTITION BY d.k ORDER BY d.n) AS same,
        sum({% for column in columns %}coalesce(pg_column_size(d.{{ column.before }}), 0){% if not loop.last %} + {% endif %}{% endfor %}) OVER (ORDER BY d.n) AS bytes
    FROM (
        SELECT q.*, {{ key }} AS k
        FROM (
{% if made_up %}
            SELECT g.n, {% for column in columns %}{{ column.value }} AS {{ column.before }}{% if not loop.last %}, {% endif %}{% endfor %}

            FROM generate_series(1, {{ limit }}) AS g (n)
{% else %}
            SELECT row_number() OVER () AS n, l.*
            FROM (
                SELECT {% for column in columns %}t.{{ column.name }} AS {{ column.before }}{% if not loop.last %}, {% endif %}{% endfor %}

                FROM {% if not partitioned %}ONLY {% endif %}{{ table }} AS t
                LIMIT {{ limit }}
            ) AS l
{% endif %}
        ) AS q
    ) AS d
) AS s
WHERE s.same = 1 AND (s.bytes <= {{ most_bytes }} OR s.n = 1)

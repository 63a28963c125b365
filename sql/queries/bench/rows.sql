-- object:   (query)
-- purpose:  each row with what its changed columns become: the next row's value, or the first that differs
CREATE TABLE {{ rows }} AS
SELECT
    s.*{% for column in changed %},
{% if column.value is not none %}
    {{ column.value }} AS {{ column.after }}
{% else %}
    CASE
        WHEN format('%L', lead(s.{{ column.before }}) OVER w) IS DISTINCT FROM format('%L', s.{{ column.before }})
            AND s.n < max(s.n) OVER ()
            THEN lead(s.{{ column.before }}) OVER w
        WHEN format('%L', s.{{ column.before }}) IS DISTINCT FROM format('%L', f.{{ column.before }})
            THEN f.{{ column.before }}
        ELSE (
            SELECT o.{{ column.before }}
            FROM {{ sample }} AS o
            WHERE format('%L', o.{{ column.before }}) IS DISTINCT FROM format('%L', (
                SELECT i.{{ column.before }} FROM {{ sample }} AS i WHERE i.n = 1
            ))
            ORDER BY o.n
            LIMIT 1
        )
    END AS {{ column.after }}
{% endif %}
{% endfor %}

FROM {{ sample }} AS s
CROSS JOIN (SELECT * FROM {{ sample }} AS i WHERE i.n = 1) AS f
WINDOW w AS (ORDER BY s.n)

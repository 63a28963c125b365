-- object:   (query)
-- purpose:  of each column: how many values there are, and how large they are
{% for column in columns %}
SELECT {{ column.number }}, count(DISTINCT md5(format('%L', s.{{ column.before }}))), coalesce(avg(pg_column_size(s.{{ column.before }})), 0)::float8
FROM {{ sample }} AS s
{% if not loop.last %}
UNION ALL
{% endif %}
{% endfor %}

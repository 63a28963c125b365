-- object:   (query)
-- purpose:  partitions of the log that do not lie as the declared regions say
{% with declared = sql("SELECT s.value FROM " ~ audit.sql ~ ".settings AS s WHERE s.name = 'regions'") %}
SELECT m.name, m.problem FROM (
    {% include 'snippets/misplaced.sql' %}
) AS m
ORDER BY m.name
{% endwith %}

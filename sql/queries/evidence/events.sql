-- object:   (query)
-- purpose:  the lines of some events, in the order in which they are asked for
SELECT
    e.event_id,
    convert_to(
{% with event_id = sql('e.event_id'), tenant_id = sql('e.tenant_id') %}
{% include 'snippets/line_text.sql' %}
{% endwith %}
    , 'UTF8') AS line,
    e.table_id,
    e.table_version
FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS i (event_id, place)
INNER JOIN {{ audit }}.change_events AS e ON e.event_id = i.event_id
WHERE e.tenant_id = %(tenant)s AND e.event_id BETWEEN %(low)s AND %(high)s
ORDER BY i.place

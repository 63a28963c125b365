-- object:   (query)
-- purpose:  the hashes of a block's events as the log has them, in the block's order
SELECT string_agg(h.hash, ''::bytea ORDER BY h.ordinality) AS hashes, count(h.hash) AS events
FROM (
    SELECT u.ordinality, sha256(convert_to(
{% with event_id = sql('e.event_id'), tenant_id = sql('e.tenant_id') %}
{% include 'snippets/line_text.sql' %}
{% endwith %}
        , 'UTF8')) AS hash
    FROM {{ audit }}.blocks AS b
    CROSS JOIN LATERAL unnest(b.event_ids) WITH ORDINALITY AS u (event_id, ordinality)
    INNER JOIN {{ audit }}.change_events AS e ON e.event_id = u.event_id
    WHERE b.log_index = %(log_index)s AND b.tenant_id = %(tenant_id)s
) AS h

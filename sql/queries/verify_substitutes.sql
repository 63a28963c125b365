-- object:   (query)
-- purpose:  events that hash to what was sealed, once another id and another tenant are put back
SELECT
    e.event_id,
    e.tenant_id,
    t.event_id AS sealed_event_id,
    t.tenant_id AS sealed_tenant_id,
    o.hash = t.hash AS as_it_is
FROM {{ audit }}.change_events AS e
CROSS JOIN ROWS FROM (
    unnest(%(sealed_event_ids)s::bigint[]),
    unnest(%(sealed_tenant_ids)s::text[]),
    unnest(%(sealed_hashes)s::bytea[])
) AS t (event_id, tenant_id, hash)
CROSS JOIN LATERAL (
    SELECT sha256(convert_to(
{% with event_id = sql('t.event_id'), tenant_id = sql('t.tenant_id') %}
{% include 'snippets/line_text.sql' %}
{% endwith %}
        , 'UTF8')) AS hash
) AS l
CROSS JOIN LATERAL (
    SELECT sha256(convert_to(
{% with event_id = sql('e.event_id'), tenant_id = sql('e.tenant_id') %}
{% include 'snippets/line_text.sql' %}
{% endwith %}
        , 'UTF8')) AS hash
) AS o
WHERE e.event_id = ANY (%(event_ids)s::bigint[])
    AND t.hash IN (l.hash, o.hash)

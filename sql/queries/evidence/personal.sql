-- object:   (query)
-- purpose:  what opens the commitments of some events: salts with personal values and with keys
SELECT p.event_id, p.what, encode(p.salt, 'hex') AS salt, convert_to(p.value, 'UTF8') AS value
FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS i (event_id, place)
INNER JOIN (
    SELECT
        d.event_id,
        'values' AS what,
        d.salt,
        jsonb_build_array(d.old_values, d.new_values, d.context)::text AS value
    FROM {{ audit }}.personal_values AS d
    WHERE d.tenant_id = %(tenant)s AND d.event_id BETWEEN %(low)s AND %(high)s
    UNION ALL
    SELECT k.event_id, 'key' AS what, k.salt, k.record_key AS value
    FROM {{ audit }}.personal_keys AS k
    WHERE k.tenant_id = %(tenant)s AND k.event_id BETWEEN %(low)s AND %(high)s
) AS p ON p.event_id = i.event_id
ORDER BY i.place, p.what

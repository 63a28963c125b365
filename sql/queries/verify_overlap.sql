-- object:   (query)
-- purpose:  the earliest block whose events may have numbers from a number on
SELECT min(b.log_index) AS log_index
FROM {{ audit }}.chain_heads AS h
CROSS JOIN LATERAL (
    SELECT min(d.log_index) AS log_index
    FROM {{ audit }}.blocks AS d
    WHERE d.tenant_id = h.tenant_id AND d.last_event_id >= %(first)s
) AS b

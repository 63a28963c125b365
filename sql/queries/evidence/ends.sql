-- object:   (query)
-- purpose:  where in the log the blocks that are exported begin and end
SELECT min(b.log_index) AS first, max(b.log_index) AS last
FROM {{ audit }}.blocks AS b
WHERE b.tenant_id = %(tenant)s AND b.log_index < %(size)s
    AND (b.block_number BETWEEN %(first)s AND %(last)s OR b.block_number = ANY (%(numbers)s::bigint[]))

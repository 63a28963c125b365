-- object:   (query)
-- purpose:  a tenant's blocks in the order of its chain: between two numbers, or those of a list
SELECT
    b.log_index,
    b.block_number,
    convert_to(b.header, 'UTF8') AS header,
    b.event_ids,
    b.event_hashes
FROM {{ audit }}.blocks AS b
WHERE b.tenant_id = %(tenant)s AND b.log_index < %(size)s
    AND (b.block_number BETWEEN %(first)s AND %(last)s OR b.block_number = ANY (%(numbers)s::bigint[]))
ORDER BY b.block_number, b.log_index

-- object:   (query)
-- purpose:  some checkpoints as they were signed
SELECT c.size, convert_to(c.note, 'UTF8') AS note
FROM {{ audit }}.checkpoints AS c
WHERE c.origin = %(origin)s AND c.size = ANY (%(sizes)s::bigint[])
ORDER BY c.size

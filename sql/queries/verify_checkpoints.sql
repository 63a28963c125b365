-- object:   (query)
-- purpose:  what the database has of signed checkpoints
SELECT c.note
FROM {{ audit }}.checkpoints AS c
WHERE c.origin = ANY (%(origins)s::text[]) AND c.note IS NOT NULL
    AND c.size >= %(since)s
ORDER BY c.size

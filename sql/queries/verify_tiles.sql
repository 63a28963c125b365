-- object:   (query)
-- purpose:  some tiles of the log's tree
SELECT t.tile_index, t.hashes
FROM {{ audit }}.log_tiles AS t
WHERE t.level = %(level)s AND t.tile_index >= %(first)s AND t.tile_index < %(end)s
ORDER BY t.tile_index

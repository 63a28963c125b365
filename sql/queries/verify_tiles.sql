-- object:   (query)
-- purpose:  some tiles of the log's tree
SELECT t.tile_index, t.node_hashes AS hashes
FROM {{ audit }}.log_tiles AS t
WHERE t.tile_level = %(level)s AND t.tile_index >= %(first)s AND t.tile_index < %(end)s
ORDER BY t.tile_index

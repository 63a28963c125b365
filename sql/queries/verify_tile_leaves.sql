-- object:   (query)
-- purpose:  tiles of the log's tree whose leaves are not the hashes of the headers there
SELECT t.tile_index
FROM {{ audit }}.log_tiles AS t
LEFT JOIN (
    SELECT
        b.log_index >> 8 AS tile_index,
        string_agg(sha256('\x00'::bytea || convert_to(b.header, 'UTF8')), ''::bytea ORDER BY b.log_index) AS hashes
    FROM {{ audit }}.blocks AS b
    WHERE b.log_index >= %(first)s << 8
    GROUP BY b.log_index >> 8
) AS s ON s.tile_index = t.tile_index
WHERE t.tile_level = 0 AND t.tile_index >= %(first)s AND (t.node_hashes = s.hashes) IS NOT TRUE
ORDER BY t.tile_index

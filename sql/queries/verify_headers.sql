-- object:   (query)
-- purpose:  headers of some blocks in the order of the log
SELECT b.header
FROM {{ audit }}.blocks AS b
WHERE b.log_index >= %(first)s AND b.log_index < %(end)s
ORDER BY b.log_index

-- object:   (query)
-- purpose:  how long the log should be; one row, unless somebody was there
SELECT s.log_size FROM {{ audit }}.seal_state AS s LIMIT 2

-- object:   (query)
-- purpose:  the highest event id that was drawn
SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - 1 END AS last_value
FROM {{ audit }}.event_id_seq AS s

-- object:   (query)
-- purpose:  the labels of an enum as they are now
SELECT {{ labels }}::text[] AS labels

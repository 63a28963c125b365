-- object:   (query)
-- purpose:  whether any personal value or key is stored at all
SELECT
    EXISTS (SELECT FROM {{ audit }}.personal_values)
    OR EXISTS (SELECT FROM {{ audit }}.personal_keys) AS stored

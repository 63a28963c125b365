-- object:   (query)
-- purpose:  what the last seal says it found of guards and access, and the fingerprint that this gives
SELECT
    encode(sha256(convert_to(s.guards || E'\n' || s.access, 'UTF8')), 'hex') AS fingerprint,
    s.guards
FROM {{ audit }}.config_seen AS s

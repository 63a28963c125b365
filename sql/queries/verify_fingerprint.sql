-- object:   (query)
-- purpose:  the digest that a seal would carry now, by this query and not by the kit's installed function
SELECT
    f.fingerprint,
    f.guards,
    -- restored in place since the last seal: the next one begins a new incarnation and says so
    (SELECT bool_or(s.own_oid <> s.tableoid::bigint) FROM {{ audit }}.seal_state AS s) AS restored
FROM (
{% include 'snippets/config_state.sql' %}
) AS f

-- object:   (query)
-- purpose:  the digest that a seal would carry now, by this query and not by the kit's installed function
SELECT f.fingerprint FROM (
{% include 'snippets/config_fingerprint.sql' %}
) AS f (fingerprint)

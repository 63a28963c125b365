-- object:   (query)
-- purpose:  the fingerprint of triggers, functions and guards as a seal would record it now
SELECT decode((
{% include 'snippets/config_fingerprint.sql' %}
), 'hex') AS fingerprint

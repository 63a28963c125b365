-- object:   (query)
-- purpose:  a table like the one to measure, without its triggers, foreign keys, checks and defaults
-- Defaults would draw numbers from its sequences; checks might refuse a changed value; neither is recorded.
CREATE {% if unlogged %}UNLOGGED {% endif %}TABLE {{ copy }} (
    LIKE {{ table }}{% if not bare %} INCLUDING GENERATED INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION{% endif %}

){% if partition_key is not none %} PARTITION BY {{ partition_key }}{% endif %};
{% if partition_key is not none %}
CREATE TABLE {{ partition }} PARTITION OF {{ copy }} {% if hashed %}FOR VALUES WITH (MODULUS 1, REMAINDER 0){% else %}DEFAULT{% endif %};
{% endif %}
ALTER TABLE {{ partition }} SET (autovacuum_enabled = off);
{% for column in plain %}
ALTER TABLE {{ copy }} ALTER COLUMN {{ column.name }} TYPE {{ column.type }};
{% endfor %}
{% if bare and key %}
ALTER TABLE {{ copy }} ADD PRIMARY KEY ({% for column in key %}{{ column }}{% if not loop.last %}, {% endif %}{% endfor %});
{% endif %}

-- object:   (query)
-- purpose:  changes all rows of one copy in one statement, timed inside the server
CREATE PROCEDURE {{ procedure }}(
    p_from integer, p_to integer, INOUT p_us double precision, INOUT p_wal double precision
)
LANGUAGE plpgsql
AS {{ quote }}
#variable_conflict use_column
DECLARE
    v_began timestamptz;
    v_wal pg_lsn;
BEGIN
    IF p_wal IS NOT NULL THEN
        v_wal := pg_current_wal_insert_lsn();
    END IF;
    v_began := clock_timestamp();
{% if inserts %}
    INSERT INTO {{ copy }} (
        {% for column in written %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}

    )
    SELECT {% for column in written %}r.{{ column.before }}{% if not loop.last %}, {% endif %}{% endfor %}

    FROM {{ rows }} AS r;
{% elif updates %}
    UPDATE {{ copy }} AS t
    SET {% for column in changed %}{{ column.name }} = r.{{ column.after }}{% if not loop.last %}, {% endif %}{% endfor %}

    FROM {{ rows }} AS r
    WHERE r.k = {{ key }};
{% else %}
    DELETE FROM {{ copy }};
{% endif %}
    COMMIT;
    p_us := extract(epoch FROM clock_timestamp() - v_began) * 1000000;
    IF p_wal IS NOT NULL THEN
        p_wal := pg_current_wal_insert_lsn() - v_wal;
    END IF;
END;
{{ quote }}

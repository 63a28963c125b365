-- object:   (query)
-- purpose:  changes rows of one copy, each row in a transaction of its own, timed inside the server
-- A procedure with a SET clause may not commit, so it has none. What it goes by is fetched before its clock
-- starts: the first COMMIT takes the whole of the query's result into memory. The names of the copy's
-- columns meet no variable: what the query has of the copy is its place and its key.
CREATE PROCEDURE {{ procedure }}(
    p_from integer, p_to integer, INOUT p_us double precision, INOUT p_wal double precision
)
LANGUAGE plpgsql
AS {{ quote }}
#variable_conflict use_column
DECLARE
    v_row record;
    v_began timestamptz;
    v_wal pg_lsn;
BEGIN
    FOR v_row IN
        SELECT r.*{% if not inserts %}, x.place{% endif %}

        FROM {{ rows }} AS r
{% if not inserts %}
        INNER JOIN (SELECT t.ctid AS place, {{ key }} AS k FROM {{ copy }} AS t) AS x ON x.k = r.k
{% endif %}
        WHERE r.n BETWEEN p_from AND p_to
        ORDER BY r.n
    LOOP
        IF v_began IS NULL THEN
            COMMIT;
            IF p_wal IS NOT NULL THEN -- some services do not tell it
                v_wal := pg_current_wal_insert_lsn();
            END IF;
            v_began := clock_timestamp();
        END IF;
{% if inserts %}
        INSERT INTO {{ copy }} (
            {% for column in written %}{{ column.name }}{% if not loop.last %}, {% endif %}{% endfor %}

        ) VALUES (
            {% for column in written %}v_row.{{ column.before }}{% if not loop.last %}, {% endif %}{% endfor %}

        );
{% elif updates %}
        UPDATE {{ copy }} AS t
        SET {% for column in changed %}{{ column.name }} = v_row.{{ column.after }}{% if not loop.last %}, {% endif %}{% endfor %}

        WHERE t.ctid = v_row.place;
{% else %}
        DELETE FROM {{ copy }} AS t WHERE t.ctid = v_row.place;
{% endif %}
        COMMIT;
    END LOOP;
    p_us := extract(epoch FROM clock_timestamp() - v_began) * 1000000;
    IF p_wal IS NOT NULL THEN
        p_wal := pg_current_wal_insert_lsn() - v_wal;
    END IF;
END;
{{ quote }}

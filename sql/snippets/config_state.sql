    SELECT
        encode(sha256(convert_to(d.guards || E'\n' || d.access, 'UTF8')), 'hex') AS fingerprint,
        d.guards,
        d.access,
        d.guard_lines,
        d.access_lines
    FROM (
        SELECT
            encode(sha256(convert_to(array_to_string(l.guard_lines, E'\n'), 'UTF8')), 'hex') AS guards,
            encode(sha256(convert_to(array_to_string(l.access_lines, E'\n'), 'UTF8')), 'hex') AS access,
            l.guard_lines,
            l.access_lines
        FROM (
            SELECT
                ARRAY(SELECT s.line FROM (
{% include 'snippets/guard_lines.sql' %}
                ) AS s ORDER BY s.line COLLATE "C") AS guard_lines,
                ARRAY(SELECT s.line FROM (
{% include 'snippets/access_lines.sql' %}
                ) AS s ORDER BY s.line COLLATE "C") AS access_lines
            OFFSET 0 -- else each use of the lines would collect them anew
        ) AS l
        OFFSET 0
    ) AS d

-- object:   function audit.why_unsafe(oid)
-- object:   function audit.why_unreadable(oid)
-- requires: schema/audit.sql
-- purpose:  why the rows of a table cannot be read for a baseline
-- Whoever reads a table for planning evaluates functions in its indexes, statistics and partition keys with
-- the reader's rights, and the reader here owns the log. So such functions must be a superuser's.
CREATE OR REPLACE FUNCTION {{ audit }}.why_unsafe(p_relation oid)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
{% with relation = sql('p_relation') %}{% include 'snippets/evaluated_functions.sql' %}{% endwith %}

    SELECT coalesce(
        (
            SELECT min(format('%s is a foreign table', c.oid::regclass))
            FROM tree AS t
            INNER JOIN pg_class AS c ON c.oid = t.relation
            WHERE c.relkind = 'f'
        ),
        CASE WHEN row_security_active(p_relation) THEN format('%s has row security', p_relation::regclass) END,
        (
            SELECT min(format('reading %s would call %s', c.relation::regclass, p.oid::regprocedure))
            FROM called AS c
            INNER JOIN pg_proc AS p ON p.oid = c.function
            INNER JOIN pg_roles AS r ON r.oid = p.proowner
            WHERE NOT r.rolsuper
        )
    )
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.why_unreadable(p_relation oid)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT CASE
        WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN format('%I may not use schema %I', current_user, n.nspname)
        WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN format('%I may not read it', current_user)
    END
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = p_relation
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.why_unsafe(oid) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.why_unreadable(oid) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.why_unsafe(oid) IS 'Why the rows of a table must not be read: somebody''s functions would run; NULL where none would.';
COMMENT ON FUNCTION {{ audit }}.why_unreadable(oid) IS 'Which privilege to read a table the present role lacks; NULL where none.';

-- object:   function audit.stored_tenant(text)
-- requires: schema/audit.sql
-- purpose:  the name under which a tenant's log is kept; capture functions have the same expression inline
CREATE OR REPLACE FUNCTION {{ audit }}.stored_tenant(p_value text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT {% include 'snippets/stored_tenant.sql' %}
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.stored_tenant(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {{ audit }}.stored_tenant(text) TO {{ reader }}, {{ auditor }};
COMMENT ON FUNCTION {{ audit }}.stored_tenant(text) IS 'Tenant as the log names it: default for NULL, one more _ before _, a digest over 200 bytes.';

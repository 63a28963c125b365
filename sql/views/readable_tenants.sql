-- object:   view audit.readable_tenants
-- requires: tables/tenant_readers.sql
-- purpose:  a reader may know which logs are its to read; an auditor reads all and finds none here
CREATE OR REPLACE VIEW {{ audit }}.readable_tenants AS
SELECT DISTINCT t.tenant_id
FROM
    pg_catalog.unnest(ARRAY(
        {% with who = none %}{% include 'snippets/reader_tenants.sql' %}{% endwith %}
    )) AS t (tenant_id);
ALTER VIEW {{ audit }}.readable_tenants OWNER TO {{ view }};
REVOKE ALL ON {{ audit }}.readable_tenants FROM PUBLIC;
GRANT SELECT ON {{ audit }}.readable_tenants TO {{ reader }}, {{ auditor }};
COMMENT ON VIEW {{ audit }}.readable_tenants IS 'Tenants whose log the reader may read.';

-- object:   function audit.config_fingerprint()
-- requires: schema/audit.sql
-- purpose:  a digest that changes when a trigger, function or guard of the kit was touched, even if it was put back
-- xmin of the catalog rows is what tells; never pg_class.xmin, which VACUUM FULL, CLUSTER and GRANT change.
CREATE OR REPLACE FUNCTION {{ audit }}.config_fingerprint()
RETURNS text
LANGUAGE sql
STABLE
SECURITY DEFINER -- sealers need not read the catalogs of others
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the same digest whoever seals
AS $fn$
{% include 'snippets/config_fingerprint.sql' %}
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.config_fingerprint() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.config_fingerprint() IS 'Digest over the kit''s triggers, functions and guards as they stand in the catalogs.';

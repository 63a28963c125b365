-- object:   function audit.config_state()
-- object:   function audit.config_fingerprint()
-- requires: schema/audit.sql
-- purpose:  a digest that changes when a guard of the kit was touched, even if it was put back, and when access changed
-- xmin of the catalog rows is what tells; never pg_class.xmin, which VACUUM FULL, CLUSTER and GRANT change.
-- Grants and memberships have no row version of their own: theirs is how they stand.
CREATE OR REPLACE FUNCTION {{ audit }}.config_state(
    OUT fingerprint text, OUT guards text, OUT access text, OUT guard_lines text[], OUT access_lines text[]
)
LANGUAGE plpgsql -- which keeps the plan: planning takes as long as all else, and each seal asks
STABLE
SECURITY DEFINER -- sealers need not read the catalogs of others
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the same digest whoever seals
AS $fn$
#variable_conflict use_column
BEGIN
    SELECT n.fingerprint, n.guards, n.access, n.guard_lines, n.access_lines
    INTO fingerprint, guards, access, guard_lines, access_lines
    FROM (
{% include 'snippets/config_state.sql' %}

    ) AS n;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.config_fingerprint()
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT s.fingerprint FROM {{ audit }}.config_state() AS s $fn$;
REVOKE ALL ON FUNCTION {{ audit }}.config_state() FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.config_fingerprint() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.config_state() IS 'The kit''s guards, and who has access to it, as they stand in the catalogs: lines and digests.';
COMMENT ON FUNCTION {{ audit }}.config_fingerprint() IS 'Digest over guards and access, as seal records carry it.';

CREATE OR REPLACE FUNCTION "audit".partition_manager()
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT 'native' $fn$;
CREATE OR REPLACE FUNCTION "audit".register_partitions()
RETURNS integer
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT 0 $fn$;
CREATE OR REPLACE FUNCTION "audit".make_partition(
    p_parent regclass,
    p_lower timestamptz,
    p_upper timestamptz
)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT "audit".add_partition(p_parent, p_lower, p_upper) $fn$;
REVOKE ALL ON FUNCTION "audit".partition_manager() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".register_partitions() FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".make_partition(regclass, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION "audit".partition_manager() IS 'Who makes partitions: native, the kit itself.';
COMMENT ON FUNCTION "audit".register_partitions() IS 'Enters the kit''s tables with the partition manager; there is none.';
COMMENT ON FUNCTION "audit".make_partition(regclass, timestamptz, timestamptz) IS 'Makes one partition ahead of time.';

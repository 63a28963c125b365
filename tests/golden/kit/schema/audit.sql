-- object:   schema audit
-- requires: roles/roles.sql
-- purpose:  one schema holds everything of one installation; PUBLIC may look names up, nothing more
CREATE SCHEMA IF NOT EXISTS "audit" AUTHORIZATION "pgaudit_kit_owner";
REVOKE ALL ON SCHEMA "audit" FROM PUBLIC;
GRANT USAGE ON SCHEMA "audit" TO PUBLIC;
GRANT CREATE ON SCHEMA "audit" TO "pgaudit_kit_view"; -- it owns the views
COMMENT ON SCHEMA "audit" IS 'Audit log of this database, kept by pgaudit-kit.';

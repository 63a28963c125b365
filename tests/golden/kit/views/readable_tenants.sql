CREATE OR REPLACE VIEW "audit".readable_tenants AS
SELECT DISTINCT t.tenant_id
FROM
    pg_catalog.unnest(ARRAY(
        SELECT
            CASE
                WHEN r.via = 'membership' THEN r.tenant_id
                WHEN pg_catalog.octet_length(pg_catalog.current_setting('pgaudit_kit.tenant_id', true)) > 200
                    THEN 'sha256:' || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
                        pg_catalog.current_setting('pgaudit_kit.tenant_id', true), 'UTF8'
                    )), 'hex')
                WHEN pg_catalog.starts_with(pg_catalog.current_setting('pgaudit_kit.tenant_id', true), '_')
                    THEN '_' || pg_catalog.current_setting('pgaudit_kit.tenant_id', true)
                ELSE pg_catalog.current_setting('pgaudit_kit.tenant_id', true)
            END
        FROM "audit".tenant_readers AS r
        WHERE
            r.role = ANY(ARRAY(
                SELECT o.rolname FROM pg_catalog.pg_roles AS o
                WHERE pg_catalog.pg_has_role(o.oid, 'usage')
            ))
            AND (r.via = 'membership' OR pg_catalog.current_setting('pgaudit_kit.tenant_id', true) <> '')
    )) AS t (tenant_id);
ALTER VIEW "audit".readable_tenants OWNER TO "pgaudit_kit_view";
REVOKE ALL ON "audit".readable_tenants FROM PUBLIC;
GRANT SELECT ON "audit".readable_tenants TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON VIEW "audit".readable_tenants IS 'Tenants whose log the reader may read.';

DROP POLICY IF EXISTS blocks_select_view ON "audit".blocks;
CREATE POLICY blocks_select_view ON "audit".blocks
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
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
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS chain_heads_select_view ON "audit".chain_heads;
CREATE POLICY chain_heads_select_view ON "audit".chain_heads
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
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
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS change_events_select_view ON "audit".change_events;
CREATE POLICY change_events_select_view ON "audit".change_events
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
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
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS personal_keys_select_view ON "audit".personal_keys;
CREATE POLICY personal_keys_select_view ON "audit".personal_keys
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
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
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS personal_values_select_view ON "audit".personal_values;
CREATE POLICY personal_values_select_view ON "audit".personal_values
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
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
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'), false)) IS NOT NULL
);
-- No statistics of texts that tell who or what, nor of hashes: a role that row security keeps from the rows could ask EXPLAIN how
-- many are below this text and that, and so spell them out. Partitions that come later are stamped with it.
ALTER TABLE "audit".change_events
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN record_key SET STATISTICS 0,
ALTER COLUMN actor_id SET STATISTICS 0,
ALTER COLUMN action SET STATISTICS 0;
ALTER TABLE "audit".blocks
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN header SET STATISTICS 0,
ALTER COLUMN event_hashes SET STATISTICS 0;
ALTER TABLE "audit".chain_heads ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE "audit".personal_values
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE "audit".personal_keys
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN record_key SET STATISTICS 0;

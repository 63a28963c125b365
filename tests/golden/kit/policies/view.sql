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
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
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
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
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
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
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
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
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
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
);

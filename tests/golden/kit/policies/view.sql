DROP POLICY IF EXISTS blocks_select_view ON "audit".blocks;
CREATE POLICY blocks_select_view ON "audit".blocks
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
        SELECT r.tenant_id FROM "audit".tenant_readers AS r
        INNER JOIN pg_catalog.pg_roles AS o ON o.rolname = r.role
        WHERE pg_catalog.pg_has_role(current_user, o.oid, 'usage')
    ))
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
);
DROP POLICY IF EXISTS chain_heads_select_view ON "audit".chain_heads;
CREATE POLICY chain_heads_select_view ON "audit".chain_heads
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
        SELECT r.tenant_id FROM "audit".tenant_readers AS r
        INNER JOIN pg_catalog.pg_roles AS o ON o.rolname = r.role
        WHERE pg_catalog.pg_has_role(current_user, o.oid, 'usage')
    ))
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
);
DROP POLICY IF EXISTS change_events_select_view ON "audit".change_events;
CREATE POLICY change_events_select_view ON "audit".change_events
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
        SELECT r.tenant_id FROM "audit".tenant_readers AS r
        INNER JOIN pg_catalog.pg_roles AS o ON o.rolname = r.role
        WHERE pg_catalog.pg_has_role(current_user, o.oid, 'usage')
    ))
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
);
DROP POLICY IF EXISTS personal_keys_select_view ON "audit".personal_keys;
CREATE POLICY personal_keys_select_view ON "audit".personal_keys
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
        SELECT r.tenant_id FROM "audit".tenant_readers AS r
        INNER JOIN pg_catalog.pg_roles AS o ON o.rolname = r.role
        WHERE pg_catalog.pg_has_role(current_user, o.oid, 'usage')
    ))
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
);
DROP POLICY IF EXISTS personal_values_select_view ON "audit".personal_values;
CREATE POLICY personal_values_select_view ON "audit".personal_values
FOR SELECT TO "pgaudit_kit_view" USING (
    tenant_id = ANY(ARRAY(
        SELECT r.tenant_id FROM "audit".tenant_readers AS r
        INNER JOIN pg_catalog.pg_roles AS o ON o.rolname = r.role
        WHERE pg_catalog.pg_has_role(current_user, o.oid, 'usage')
    ))
    OR (SELECT pg_catalog.pg_has_role(current_user, 'pgaudit_kit_auditor', 'usage'))
);

-- object:   policy blocks_select_view on audit.blocks
-- object:   policy chain_heads_select_view on audit.chain_heads
-- object:   policy change_events_select_view on audit.change_events
-- object:   policy personal_keys_select_view on audit.personal_keys
-- object:   policy personal_values_select_view on audit.personal_values
-- requires: tables/tenant_readers.sql
-- purpose:  the reading views show a tenant's log to those who may read it, every log to auditors
-- In a view's policy the current user is whoever reads; the subqueries run once for a query. The reader's roles are
-- looked up in the list, by its index, not the list's in the catalog: the list is as long as there are tenants,
-- and asking about a role that was dropped since would be an error for every reader. What the setting says is
-- named as stored_tenant() names it, so that it never is the kit's own log; unset it is nobody's. That it is an
-- auditor is asked by IS NOT NULL: a plain boolean is taken to spare half of the rows, and the plan is another one.
DROP POLICY IF EXISTS blocks_select_view ON {{ audit }}.blocks;
CREATE POLICY blocks_select_view ON {{ audit }}.blocks
FOR SELECT TO {{ view }} USING (
    tenant_id = ANY(ARRAY(
        {% with who = none %}{% include 'snippets/reader_tenants.sql' %}{% endwith %}
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, {{ auditor_literal }}, 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS chain_heads_select_view ON {{ audit }}.chain_heads;
CREATE POLICY chain_heads_select_view ON {{ audit }}.chain_heads
FOR SELECT TO {{ view }} USING (
    tenant_id = ANY(ARRAY(
        {% with who = none %}{% include 'snippets/reader_tenants.sql' %}{% endwith %}
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, {{ auditor_literal }}, 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS change_events_select_view ON {{ audit }}.change_events;
CREATE POLICY change_events_select_view ON {{ audit }}.change_events
FOR SELECT TO {{ view }} USING (
    tenant_id = ANY(ARRAY(
        {% with who = none %}{% include 'snippets/reader_tenants.sql' %}{% endwith %}
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, {{ auditor_literal }}, 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS personal_keys_select_view ON {{ audit }}.personal_keys;
CREATE POLICY personal_keys_select_view ON {{ audit }}.personal_keys
FOR SELECT TO {{ view }} USING (
    tenant_id = ANY(ARRAY(
        {% with who = none %}{% include 'snippets/reader_tenants.sql' %}{% endwith %}
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, {{ auditor_literal }}, 'usage'), false)) IS NOT NULL
);
DROP POLICY IF EXISTS personal_values_select_view ON {{ audit }}.personal_values;
CREATE POLICY personal_values_select_view ON {{ audit }}.personal_values
FOR SELECT TO {{ view }} USING (
    tenant_id = ANY(ARRAY(
        {% with who = none %}{% include 'snippets/reader_tenants.sql' %}{% endwith %}
    ))
    OR (SELECT nullif(pg_catalog.pg_has_role(current_user, {{ auditor_literal }}, 'usage'), false)) IS NOT NULL
);
-- No statistics of texts that tell who or what, nor of hashes: a role that row security keeps from the rows could ask EXPLAIN how
-- many are below this text and that, and so spell them out. Partitions that come later are stamped with it.
ALTER TABLE {{ audit }}.change_events
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN record_key SET STATISTICS 0,
ALTER COLUMN actor_id SET STATISTICS 0,
ALTER COLUMN action SET STATISTICS 0;
ALTER TABLE {{ audit }}.blocks
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN header SET STATISTICS 0,
ALTER COLUMN event_hashes SET STATISTICS 0;
ALTER TABLE {{ audit }}.chain_heads ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE {{ audit }}.personal_values
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE {{ audit }}.personal_keys
ALTER COLUMN tenant_id SET STATISTICS 0,
ALTER COLUMN record_key SET STATISTICS 0;

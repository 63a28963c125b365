-- object:   function audit.register_table
-- object:   function audit.unregister_table
-- object:   function audit.change_setting
-- requires: functions/record_table_version.sql, functions/trigger_state.sql, functions/current_descendants.sql, functions/grant_to_owners.sql, functions/has_storage.sql, tables/settings.sql
-- purpose:  what the configuration says enters the registry, and the log says that it did
CREATE OR REPLACE FUNCTION {{ audit }}.register_table(
    p_table_id integer,
    p_table_version integer,
    p_relation regclass,
    p_declaration jsonb,
    p_key smallint[],
    p_excluded smallint[],
    p_personal smallint[],
    p_tenant smallint,
    p_subject smallint,
    p_specialised boolean
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_before {{ audit }}.audited_tables;
    v_kind text;
BEGIN
    SELECT * INTO v_before FROM {{ audit }}.audited_tables AS t WHERE t.table_id = p_table_id;
    INSERT INTO {{ audit }}.audited_tables AS t (
        table_id, relation, enabled, table_version, declaration, key_attnums, excluded_attnums,
        personal_attnums, tenant_attnum, subject_attnum, specialised, fingerprint, trigger_state
    ) VALUES (
        p_table_id, p_relation, true, 0, p_declaration, p_key, p_excluded, p_personal, p_tenant, p_subject,
        p_specialised, {{ audit }}.column_fingerprint(p_relation), {{ audit }}.trigger_state(p_relation)
    )
    ON CONFLICT ON CONSTRAINT audited_tables_table_id_pk DO UPDATE
    SET relation = excluded.relation,
        enabled = true,
        declaration = excluded.declaration,
        key_attnums = excluded.key_attnums,
        excluded_attnums = excluded.excluded_attnums,
        personal_attnums = excluded.personal_attnums,
        tenant_attnum = excluded.tenant_attnum,
        subject_attnum = excluded.subject_attnum,
        specialised = excluded.specialised,
        trigger_state = excluded.trigger_state;
    IF v_before.enabled IS NOT TRUE THEN
        -- what is below it from the start is no news
        DELETE FROM {{ audit }}.descendants AS d WHERE d.table_id = p_table_id;
        INSERT INTO {{ audit }}.descendants (
            table_id, relation, parent, schema_name, table_name, is_partition, noted_in
        )
        SELECT p_table_id, n.relation, n.parent, s.nspname, c.relname, n.is_partition, 0
        FROM {{ audit }}.current_descendants(p_relation) AS n
        INNER JOIN pg_class AS c ON c.oid = n.relation
        INNER JOIN pg_namespace AS s ON s.oid = c.relnamespace;
    END IF;
    PERFORM {{ audit }}.grant_to_owners(p_table_id);
    IF p_table_version > coalesce(v_before.table_version, 0)
        AND p_table_version <> {{ audit }}.record_table_version(p_table_id)
    THEN
        RAISE EXCEPTION 'the definition of % changed while it was being configured', p_relation
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run the command again.';
    END IF;
    IF v_before.enabled AND v_before.declaration = p_declaration
        AND p_table_version = v_before.table_version
    THEN
        RETURN; -- only its capture function was renewed
    END IF;
    PERFORM {{ audit }}.record_control(
        CASE WHEN v_before.enabled THEN 'table-configured' ELSE 'table-enabled' END,
        (
            SELECT jsonb_build_object(
                'table', format('%I.%I', v.schema_name, v.table_name), 'columns', v.columns,
                'key', v.key_columns, 'declaration', p_declaration
            ) || CASE WHEN v_before.enabled THEN '{}' ELSE jsonb_build_object(
                -- so each of its rows will have an event; sizes tell it without reading
                'empty', NOT {{ audit }}.has_storage(p_relation) AND (
                    SELECT c.relkind = 'p' OR pg_relation_size(c.oid) = 0 FROM pg_class AS c WHERE c.oid = p_relation
                )
            ) END
            FROM {{ audit }}.table_versions AS v
            WHERE v.table_id = p_table_id AND v.table_version = p_table_version
        ), p_table_id
    );
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.unregister_table(p_table_id integer)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM {{ audit }}.record_control('table-disabled', (
        SELECT jsonb_build_object('table', format('%I.%I', v.schema_name, v.table_name))
        FROM {{ audit }}.audited_tables AS t
        INNER JOIN {{ audit }}.table_versions AS v
            ON v.table_id = t.table_id AND v.table_version = t.table_version
        WHERE t.table_id = p_table_id
    ), p_table_id);
    UPDATE {{ audit }}.audited_tables AS t
    SET enabled = false,
        trigger_state = '',
        -- the number of a table that is gone may be another table's in a restored copy
        relation = coalesce((SELECT c.oid FROM pg_class AS c WHERE c.oid = t.relation), 0)
    WHERE t.table_id = p_table_id;
    DELETE FROM {{ audit }}.descendants AS d WHERE d.table_id = p_table_id;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.change_setting(p_name text, p_value jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_before jsonb := (SELECT s.value FROM {{ audit }}.settings AS s WHERE s.name = p_name);
BEGIN
    IF p_value IS NULL THEN
        DELETE FROM {{ audit }}.settings AS s WHERE s.name = p_name;
    ELSE
        INSERT INTO {{ audit }}.settings AS s (name, value) VALUES (p_name, p_value)
        ON CONFLICT ON CONSTRAINT settings_name_pk DO UPDATE SET value = excluded.value;
    END IF;
    PERFORM {{ audit }}.record_control('setting-changed', jsonb_build_object(
        'setting', p_name, 'before', v_before, 'after', p_value
    ));
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.register_table(
    integer, integer, regclass, jsonb, smallint[], smallint[], smallint[], smallint, smallint, boolean
) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.unregister_table(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.change_setting(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.register_table(
    integer, integer, regclass, jsonb, smallint[], smallint[], smallint[], smallint, smallint, boolean
) IS 'Enters a table, as it is configured now, into the registry.';
COMMENT ON FUNCTION {{ audit }}.unregister_table(integer) IS 'Ends the auditing of a table in the registry; its events stay.';
COMMENT ON FUNCTION {{ audit }}.change_setting(text, jsonb) IS 'Changes a setting of the installation; NULL takes it away.';

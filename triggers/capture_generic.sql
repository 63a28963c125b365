-- object:   function audit.tg_generic_<table_id>() (or tg_capture_<table_id>() where no event trigger guards it)
-- requires: functions/append_event.sql, functions/capture_query.sql
-- purpose:  records row changes whatever the columns are; after a change of definition the DDL watch puts
--           this body, with the new table_version and columns, in the place of the specialised one
-- A writer's snapshot may be older than the definition of the table, so where a DDL watch can tell of changes
-- nothing is read from the catalogs here.
CREATE OR REPLACE FUNCTION {{ audit }}.{{ function }}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
{% include 'snippets/image_settings.sql' %}
AS {{ quote }}
DECLARE
    v_table_version CONSTANT integer := {{ table_version }};
    v_lenient boolean := false;
    v_row_query text;
    v_moves boolean := false;
    v_tenant text;
    v_tenant_after text;
    v_key text;
{% if notes_key %}
    v_key_after text;
{% endif %}
    v_old jsonb;
    v_new jsonb;
    v_personal_old jsonb;
    v_personal_new jsonb;
    v_subject text;
    v_subject_after text;
    v_ignored text;
    v_xmin xid;
    v_shape jsonb;
    v_fast boolean;
    v_hides boolean;
    v_row jsonb;
    v_raw_text text;
    v_excluded text[];
    v_personal text[];
    v_key_columns text[];
    v_tenant_column text;
    v_subject_column text;
{% if not guarded %}
    v_relation oid;
    v_renumbered boolean;
    -- columns by number, and under which names this function knew them
    v_key_attnums smallint[] := {{ key_attnums }};
    v_excluded_attnums smallint[] := {{ excluded_attnums }};
    v_personal_attnums smallint[] := {{ personal_attnums }};
    v_tenant_attnum smallint := {{ tenant_attnum }};
    v_subject_attnum smallint := {{ subject_attnum }};
{% include 'snippets/fast_types.sql' %}
{% endif %}
BEGIN
    IF TG_OP = 'UPDATE' AND NOT (OLD *<> NEW) THEN
        RETURN NULL; -- nothing that is stored has changed
    END IF;
{% if partitioned %}
{% include 'triggers/own_table.sql' %}
{% endif %}
{% if guarded %}
    NULL; -- columns: use_generic_capture puts them here
{% else %}
{% include 'triggers/relation.sql' %}
{% include 'triggers/columns_now.sql' %}
{% include 'triggers/numbers.sql' %}
{% endif %}
    BEGIN
{% include 'triggers/images_fast.sql' %}
        IF NOT v_fast THEN
{% if not guarded %}
            v_shape := {{ audit }}.capture_shape(
                v_relation, v_key_attnums, v_excluded_attnums, v_personal_attnums, v_tenant_attnum,
                v_subject_attnum
            );
{% endif %}
{% include 'triggers/images_generic.sql' %}
        END IF;
    EXCEPTION
{% if not guarded %}
        WHEN undefined_column THEN
            -- a snapshot from before the column had its name; which column is which is not known
            v_old := CASE WHEN TG_OP <> 'INSERT'
                THEN jsonb_build_object('~row', {{ audit }}.digest_value(OLD)) END;
            v_new := CASE WHEN TG_OP <> 'DELETE'
                THEN jsonb_build_object('~row', {{ audit }}.digest_value(NEW)) END;
            v_moves := false;
            v_key := NULL;
            v_tenant := NULL;
            v_tenant := {{ generic_tenant }};
            v_personal_old := NULL;
            v_personal_new := NULL;
            v_subject := NULL;
{% endif %}
        WHEN data_exception OR program_limit_exceeded OR internal_error THEN
            -- a value that jsonb cannot hold must not abort the user's write
            v_lenient := true;
{% if not guarded %}
            v_shape := {{ audit }}.capture_shape(
                v_relation, v_key_attnums, v_excluded_attnums, v_personal_attnums, v_tenant_attnum,
                v_subject_attnum
            );
{% endif %}
{% include 'triggers/images_generic.sql' %}
    END;
{% if notes_key %}
    IF TG_OP = 'INSERT' THEN
        PERFORM {{ audit }}.note_tenant({{ table_id }}, v_key, v_tenant);
    ELSIF TG_OP = 'UPDATE' AND (v_moves OR v_key_after <> v_key) THEN
        PERFORM {{ audit }}.note_tenant({{ table_id }}, v_key_after, v_tenant_after);
    END IF;
{% endif %}
{% include 'triggers/append.sql' %}
END;
{{ quote }};
REVOKE ALL ON FUNCTION {{ audit }}.{{ function }}() FROM PUBLIC;
{% if partitioner %}
-- a new partition gets a copy of the trigger, for which its maker needs this
GRANT EXECUTE ON FUNCTION {{ audit }}.{{ function }}() TO {{ partitioner }};
{% endif %}
COMMENT ON FUNCTION {{ audit }}.{{ function }}() IS {{ comment }};

-- object:   function audit.tg_generic_<table_id>() (or tg_capture_<table_id>() where no event trigger guards it)
-- requires: functions/append_event.sql, functions/capture_query.sql
-- purpose:  records row changes whatever the columns are; after a change of definition the DDL watch puts
--           this body, with the new table_version, in the place of the specialised one
CREATE OR REPLACE FUNCTION {{ audit }}.{{ function }}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER -- writers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on -- a session that set it off (pg_dump's scripts do) may write all the same
SET timezone = 'UTC'
SET datestyle = 'ISO'
SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex'
SET extra_float_digits = 1
SET lc_monetary = 'C'
AS {{ quote }}
DECLARE
    v_table_version CONSTANT integer := {{ table_version }};
    v_lenient boolean := false;
    v_relation oid;
    v_row_query text;
    v_moves boolean := false;
    v_tenant text;
    v_tenant_after text;
    v_key text;
    v_old jsonb;
    v_new jsonb;
    v_personal_old jsonb;
    v_personal_new jsonb;
    v_subject text;
    v_xmin xid;
    v_fast boolean;
    v_row jsonb;
    v_excluded text[];
    v_personal text[];
    v_key_columns text[];
    v_tenant_column text;
    v_subject_column text;
    -- whose jsonb image differs wherever they differ, and of those whose jsonb text is their text
    v_types CONSTANT oid[] := '"char"'::regtype || '{bool,name,int2,int4,int8,oid,text,varchar,bpchar,numeric,date,time,'
        'timestamp,timestamptz,interval,uuid,bytea,jsonb,inet,_text,_varchar,_int2,_int4,_int8,_uuid}'::regtype[];
    v_text_types CONSTANT oid[] := '{bool,name,int2,int4,int8,text,varchar,numeric,date,uuid}'::regtype[];
BEGIN
    IF TG_OP = 'UPDATE' AND NOT (OLD *<> NEW) THEN
        RETURN NULL; -- nothing that is stored has changed
    END IF;
{% include 'triggers/relation.sql' %}

    BEGIN
{% include 'triggers/images_fast.sql' %}
        IF NOT v_fast THEN
{% include 'triggers/images_generic.sql' %}
        END IF;

    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
        -- a value that jsonb cannot hold must not abort the user's write
        v_lenient := true;
{% include 'triggers/images_generic.sql' %}

    END;
{% include 'triggers/append.sql' %}

END;
{{ quote }};
REVOKE ALL ON FUNCTION {{ audit }}.{{ function }}() FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.{{ function }}() IS {{ comment }};

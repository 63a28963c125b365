    IF v_moves THEN
        -- the row leaves one tenant's log and enters another's
{% if crosses %}
        -- and an update that enters what is recorded has no image before, one that leaves it none after
        IF TG_NARGS = 0 OR TG_ARGV[0] = 'leaves' THEN
{% endif %}
        PERFORM {{ audit }}.append_event(
            {{ table_id }}, v_table_version, 'U', v_tenant, v_key,
            v_old, NULL, v_personal_old, NULL, v_subject, {{ key_is_personal }}, v_xmin
        );
{% if crosses %}
        END IF;
        IF TG_NARGS = 0 OR TG_ARGV[0] = 'enters' THEN
{% endif %}
        PERFORM {{ audit }}.append_event(
            {{ table_id }}, v_table_version, 'U', v_tenant_after, v_key,
            NULL, v_new, NULL, v_personal_new, v_subject_after, {{ key_is_personal }}, v_xmin
        );
{% if crosses %}
        END IF;
{% endif %}
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF coalesce(v_old, v_personal_old) IS NULL THEN
            RETURN NULL; -- only columns changed that are not recorded
        END IF;
        v_old := coalesce(v_old, '{}');
        v_new := coalesce(v_new, '{}');
    END IF;
    PERFORM {{ audit }}.append_event(
        {{ table_id }}, v_table_version, left(TG_OP, 1)::"char", v_tenant, v_key,
        v_old, v_new, v_personal_old, v_personal_new, v_subject, {{ key_is_personal }}, v_xmin
    );
    RETURN NULL;

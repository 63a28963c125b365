    -- Of these types no value can fail to become jsonb unless it is very large, so no block is needed, which
    -- would cost as much as the images. PL/pgSQL prepares each expression anew in every transaction: the
    -- common case, without a context and in one INSERT, has as few as can be.
    IF TG_OP = 'UPDATE' THEN
{% if not partitioned %}
{% include 'triggers/no_change.sql' %}

{% endif %}
        IF {{ update_fits }} THEN
{% include 'triggers/changes.sql' %}
            IF {{ no_context }}
                AND pg_column_size(v_old) <= 20000 AND pg_column_size(v_new) <= 20000{{ old.key_fits }}
            THEN
{% with operation = sql("'U'"), xmin = sql('NEW.xmin'), row = old, before = sql('v_old'), after = sql('v_new') %}
{% include 'triggers/insert_event.sql' %}
{% endwith %}
            END IF;
            v_xmin := NEW.xmin;
            v_key := {{ old.key }};
            v_tenant := {{ old.tenant }};
        ELSE
            v_slow := true;
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        IF {{ no_context }}{{ new.image_fits }}{{ new.key_fits }} THEN
{% with operation = sql("'I'"), xmin = sql('NEW.xmin'), row = new, before = sql('NULL'), after = new.recorded %}
{% include 'triggers/insert_event.sql' %}
{% endwith %}
        ELSIF {{ new.fits }} THEN
            v_xmin := NEW.xmin;
            v_key := {{ new.key }};
            v_tenant := {{ new.tenant }};
            v_new := {{ new.recorded }};
        ELSE
            v_slow := true;
        END IF;
    ELSIF {{ no_context }}{{ old.image_fits }}{{ old.key_fits }} THEN
{% with operation = sql("'D'"), xmin = sql('NULL'), row = old, before = old.recorded, after = sql('NULL') %}
{% include 'triggers/insert_event.sql' %}
{% endwith %}
    ELSIF {{ old.fits }} THEN
        v_key := {{ old.key }};
        v_tenant := {{ old.tenant }};
        v_old := {{ old.recorded }};
    ELSE
        v_slow := true;
    END IF;

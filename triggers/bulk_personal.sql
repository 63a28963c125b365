            WITH image AS MATERIALIZED (
                SELECT
                    nextval({{ event_id_seq }}) AS event_id,
                    clock_timestamp() AS occurred_at,
                    a.tenant,
                    a.subject,
                    CASE WHEN octet_length(a.key) > 1000
                        THEN 'sha256:' || encode(sha256(convert_to(a.key, 'UTF8')), 'hex') ELSE a.key END AS key,
                    CASE WHEN pg_column_size(a.recorded) > 20000
                        THEN {{ audit }}.bounded_image(a.recorded) ELSE a.recorded END AS recorded,
                    CASE WHEN pg_column_size(a.personal) > 20000
                        THEN {{ audit }}.bounded_image(a.personal) ELSE a.personal END AS personal,
                    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS salt,
                    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS key_salt
                FROM (
                    SELECT
                        {% if tenant_is_column %}{{ row.tenant }}{% else %}v_tenant{% endif %} AS tenant,
                        {{ row.key }} AS key,
                        {{ row.recorded }} AS recorded,
                        {{ row.personal }} AS personal,
                        {% if subject %}{{ row.subject }}{% else %}NULL::text{% endif %} AS subject
                    FROM changed_rows AS r
                    OFFSET 0 -- each value is made once
                ) AS a
            ),

            personal_values AS (
                INSERT INTO {{ audit }}.personal_values (
                    event_id, occurred_at, tenant_id, subject, salt, old_values, new_values
{% if regions_of_tables %}
                    , table_id
{% endif %}
                )
                SELECT
                    i.event_id, i.occurred_at, i.tenant, i.subject, i.salt,
                    CASE WHEN v_operation = 'D' THEN i.personal END,
                    CASE WHEN v_operation = 'I' THEN i.personal END
{% if regions_of_tables %}
                    , {{ table_id }}
{% endif %}
                FROM image AS i
{% if key_personal %}
            ),

            personal_keys AS (
                INSERT INTO {{ audit }}.personal_keys (
                    event_id, occurred_at, tenant_id, table_id, record_key, salt
                )
                SELECT i.event_id, i.occurred_at, i.tenant, {{ table_id }}, i.key, i.key_salt
                FROM image AS i
                WHERE i.key IS NOT NULL
{% endif %}
            )

            INSERT INTO {{ audit }}.change_events (
                event_id, occurred_at, transaction_id, table_id, table_version, operation, tenant_id,
                record_key, actor_id, action, context, old_values, new_values, personal_commitment
            )
            SELECT
                i.event_id, i.occurred_at, v_transaction_id, {{ table_id }}, v_table_version, v_operation, i.tenant,
{% if key_personal %}
                'sha256:' || encode(sha256(i.key_salt || convert_to(i.key, 'UTF8')), 'hex'),
{% else %}
                i.key,
{% endif %}
                v_actor, v_action, v_context,
                CASE WHEN v_operation = 'D' THEN i.recorded END, CASE WHEN v_operation = 'I' THEN i.recorded END,
                sha256(i.salt || convert_to(jsonb_build_array(
                    CASE WHEN v_operation = 'D' THEN i.personal END,
                    CASE WHEN v_operation = 'I' THEN i.personal END,
                    NULL
                )::text, 'UTF8'))
            FROM image AS i;

                INSERT INTO {{ audit }}.change_events (
                    event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
                    record_key, context, old_values, new_values
                ) VALUES (
                    nextval({{ event_id_seq }}), clock_timestamp(), txid_current(), {{ table_id }}, {{ table_version }},
                    {{ xmin }}, {{ operation }}, {{ row.tenant }},
                    {{ row.key }}, {% include 'snippets/session_context.sql' %},
                    {{ before }}, {{ after }}
                );
                RETURN NULL;

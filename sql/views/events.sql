-- object:   view audit.events
-- requires: tables/change_events.sql, functions/to_inet.sql, functions/to_text_array.sql, functions/note_read.sql, policies/view.sql
-- purpose:  the log as people read it: names and words, typed context, personal values, and the seal
-- Columns that a query does not use cost nothing: all that is looked up stands in subqueries of its own.
CREATE OR REPLACE VIEW {{ audit }}.events AS
SELECT
    e.event_id,
    e.occurred_at,
    e.transaction_id,
    e.tenant_id,
    e.table_id,
    e.table_version,
    {% include 'snippets/event_words.sql' %}
    coalesce(
        (
            SELECT k.record_key FROM {{ audit }}.personal_keys AS k
            WHERE k.event_id = e.event_id AND k.occurred_at = e.occurred_at
        ), e.record_key
    ) AS record_key,
    e.actor_id,
    e.action,
    e.context || coalesce((p.personal).context, '{}') AS context,
    coalesce(e.old_values || (p.personal).old_values, e.old_values, (p.personal).old_values) AS old_values,
    coalesce(e.new_values || (p.personal).new_values, e.new_values, (p.personal).new_values) AS new_values,
    e.context ->> 'session_id' AS session_id,
    e.context ->> 'request_id' AS request_id,
    e.context ->> 'correlation_id' AS correlation_id,
    e.context ->> 'client_app' AS client_app,
    e.context ->> 'auth_method' AS auth_method,
    {{ audit }}.to_text_array(e.context -> 'permissions') AS permissions,
    {{ audit }}.to_inet(coalesce(e.context ->> 'ip', (p.personal).context ->> 'ip')) AS ip,
    coalesce(e.context ->> 'user_agent', (p.personal).context ->> 'user_agent') AS user_agent,
    e.context ->> 'geo' AS geo,
    e.context ->> 'node_id' AS node_id,
    e.context ->> 'db_user' AS db_user,
    e.context ->> 'application_name' AS application_name,
    (
        SELECT b.block_number FROM {{ audit }}.blocks AS b
        WHERE
            b.tenant_id = e.tenant_id
            AND b.last_event_id >= e.event_id
            AND b.first_event_id <= e.event_id
            AND e.event_id = ANY(b.event_ids)
        ORDER BY b.last_event_id
        LIMIT 1
    ) AS block_number,
    (
        SELECT
            pg_catalog.substr(
                b.event_hashes, pg_catalog.array_position(b.event_ids, e.event_id) * 32 - 31, 32
            )
        FROM {{ audit }}.blocks AS b
        WHERE
            b.tenant_id = e.tenant_id
            AND b.last_event_id >= e.event_id
            AND b.first_event_id <= e.event_id
            AND e.event_id = ANY(b.event_ids)
        ORDER BY b.last_event_id
        LIMIT 1
    ) AS event_hash,
    e.record_key AS stored_key
FROM {{ audit }}.change_events AS e
LEFT JOIN LATERAL (
    SELECT
        (
            SELECT v FROM {{ audit }}.personal_values AS v
            WHERE
                e.personal_commitment IS NOT NULL
                AND v.event_id = e.event_id
                AND v.occurred_at = e.occurred_at
        ) AS personal
    FROM (SELECT 1) AS one
    ORDER BY e.event_id
    LIMIT 1 -- so that it is looked up, and planned for every partition, once and not for each column
) AS p ON true
-- a subquery that needs no row runs once a query, before the first row is read
WHERE (SELECT {{ audit }}.note_read(current_user));
ALTER VIEW {{ audit }}.events OWNER TO {{ view }};
REVOKE ALL ON {{ audit }}.events FROM PUBLIC;
GRANT SELECT ON {{ audit }}.events TO {{ reader }}, {{ auditor }};
COMMENT ON VIEW {{ audit }}.events IS 'The audit log as people read it, as far as the reader''s tenants go.';

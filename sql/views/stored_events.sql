-- object:   view audit.stored_events
-- requires: tables/change_events.sql, functions/note_read.sql, policies/view.sql, policies/view_registry.sql
-- purpose:  events as the log has them: personal values and keys are elsewhere, and no partition of theirs is planned
CREATE OR REPLACE VIEW {{ audit }}.stored_events AS
SELECT
    e.event_id,
    e.occurred_at,
    e.tenant_id,
    e.table_id,
    {% include 'snippets/event_words.sql' %}
    e.record_key,
    e.actor_id,
    e.action,
    e.old_values,
    e.new_values,
    e.context,
    e.personal_commitment IS NOT NULL AS has_personal
FROM {{ audit }}.change_events AS e
WHERE (SELECT {{ audit }}.note_read(current_user));
ALTER VIEW {{ audit }}.stored_events OWNER TO {{ view }};
REVOKE ALL ON {{ audit }}.stored_events FROM PUBLIC;
GRANT SELECT ON {{ audit }}.stored_events TO {{ reader }}, {{ auditor }};
COMMENT ON VIEW {{ audit }}.stored_events IS 'Events without what is personal, which personal_data has, as far as the reader''s tenants go.';

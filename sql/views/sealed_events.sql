-- object:   view audit.sealed_events
-- requires: functions/event_line.sql, functions/note_read.sql, tables/blocks.sql, tables/checkpoints.sql, policies/view.sql, policies/view_registry.sql
-- purpose:  what a receipt is made of: each sealed event's line, its block, and the newest checkpoint over it
CREATE OR REPLACE VIEW {{ audit }}.sealed_events AS
SELECT
    e.event_id,
    e.tenant_id,
    {{ audit }}.event_line(e) AS line,
    b.log_index,
    b.block_number,
    b.header,
    pg_catalog.array_position(b.event_ids, e.event_id) - 1 AS place,
    b.event_hashes,
    c.size,
    c.note
FROM {{ audit }}.change_events AS e
INNER JOIN {{ audit }}.blocks AS b
    ON
        b.tenant_id = e.tenant_id
        AND b.first_event_id <= e.event_id
        AND b.last_event_id >= e.event_id
        AND e.event_id = ANY(b.event_ids)
LEFT JOIN LATERAL (
    SELECT
        p.size,
        p.note
    FROM {{ audit }}.checkpoints AS p
    WHERE p.size > b.log_index AND p.note IS NOT NULL AND p.published_at IS NOT NULL
    ORDER BY p.prepared_at DESC, p.size DESC
    LIMIT 1
) AS c ON true
WHERE (SELECT {{ audit }}.note_read(current_user)); -- a line holds all that an event does
ALTER VIEW {{ audit }}.sealed_events OWNER TO {{ view }};
REVOKE ALL ON {{ audit }}.sealed_events FROM PUBLIC;
GRANT SELECT ON {{ audit }}.sealed_events TO {{ reader }}, {{ auditor }};
COMMENT ON VIEW {{ audit }}.sealed_events IS 'Sealed events with their lines, blocks and checkpoints, as far as the reader''s tenants go.';

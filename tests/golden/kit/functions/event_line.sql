CREATE OR REPLACE FUNCTION "audit".event_line(event "audit".change_events)
RETURNS text
LANGUAGE sql
STABLE
AS $fn$
    SELECT pg_catalog.row_to_json(ROW(
        1,
        event.event_id,
        pg_catalog.to_char(
            pg_catalog.timezone('UTC', event.occurred_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
        ),
        event.transaction_id,
        event.tenant_id,
        event.table_id,
        event.table_version,
        event.operation,
        event.record_key,
        event.actor_id,
        event.action,
        event.context,
        event.old_values,
        event.new_values,
        pg_catalog.encode(event.personal_commitment, 'hex'),
        event.row_xmin::pg_catalog.text::bigint
    )::"audit".event_v1)::pg_catalog.text
$fn$;
REVOKE ALL ON FUNCTION "audit".event_line("audit".change_events) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".event_line("audit".change_events) TO "pgaudit_kit_reader", "pgaudit_kit_auditor";
COMMENT ON FUNCTION "audit".event_line("audit".change_events) IS 'The event as one line of JSON, version 1; its SHA-256 is the event''s hash.';

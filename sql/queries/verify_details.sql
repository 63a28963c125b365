-- object:   (query)
-- purpose:  what stands in the log under some ids, whoever's it is
SELECT
    e.event_id,
    e.tenant_id,
    e.table_id,
    e.table_version,
    e.operation::text AS operation,
    e.record_key,
    e.transaction_id,
    to_char(timezone('UTC', e.occurred_at), 'YYYY-MM-DD HH24:MI:SS"Z"') AS occurred_at,
    e.row_xmin::text::bigint AS row_xmin
FROM {{ audit }}.change_events AS e
WHERE e.event_id = ANY (%(event_ids)s::bigint[])

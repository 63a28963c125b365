concat(
    '{"v":1,"event_id":', {{ event_id }},
    ',"occurred_at":"', to_char(timezone('UTC', e.occurred_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '","transaction_id":', e.transaction_id,
    ',"tenant_id":', to_json({{ tenant_id }}),
    ',"table_id":', coalesce(e.table_id::text, 'null'),
    ',"table_version":', coalesce(e.table_version::text, 'null'),
    ',"operation":"', e.operation,
    '","record_key":', coalesce(to_json(e.record_key)::text, 'null'),
    ',"actor_id":', coalesce(to_json(e.actor_id)::text, 'null'),
    ',"action":', coalesce(to_json(e.action)::text, 'null'),
    ',"context":', coalesce(e.context::text, 'null'),
    ',"old_values":', coalesce(e.old_values::text, 'null'),
    ',"new_values":', coalesce(e.new_values::text, 'null'),
    ',"personal_commitment":', coalesce(to_json(encode(e.personal_commitment, 'hex'))::text, 'null'),
    ',"row_xmin":', coalesce(e.row_xmin::text, 'null'), '}'
)

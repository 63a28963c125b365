concat(
    -- concat leaves out what is NULL, so a value needs no cast to text; each label says null for it.
    '{"v":1,"event_id":', {{ event_id }},
    ',"occurred_at":"', to_char(timezone('UTC', e.occurred_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '","transaction_id":', e.transaction_id,
    ',"tenant_id":', to_json({{ tenant_id }}),
    CASE WHEN e.table_id IS NULL THEN ',"table_id":null' ELSE ',"table_id":' END, e.table_id,
    CASE WHEN e.table_version IS NULL THEN ',"table_version":null' ELSE ',"table_version":' END, e.table_version,
    ',"operation":"', e.operation,
    CASE WHEN e.record_key IS NULL THEN '","record_key":null' ELSE '","record_key":' END, to_json(e.record_key),
    CASE WHEN e.actor_id IS NULL THEN ',"actor_id":null' ELSE ',"actor_id":' END, to_json(e.actor_id),
    CASE WHEN e.action IS NULL THEN ',"action":null' ELSE ',"action":' END, to_json(e.action),
    CASE WHEN e.context IS NULL THEN ',"context":null' ELSE ',"context":' END, e.context,
    CASE WHEN e.old_values IS NULL THEN ',"old_values":null' ELSE ',"old_values":' END, e.old_values,
    CASE WHEN e.new_values IS NULL THEN ',"new_values":null' ELSE ',"new_values":' END, e.new_values,
    CASE WHEN e.personal_commitment IS NULL THEN ',"personal_commitment":null' ELSE ',"personal_commitment":' END,
    to_json(encode(e.personal_commitment, 'hex')),
    CASE WHEN e.row_xmin IS NULL THEN ',"row_xmin":null' ELSE ',"row_xmin":' END, e.row_xmin, '}'
)

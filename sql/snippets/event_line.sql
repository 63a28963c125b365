row_to_json(ROW(
            1,
            e.event_id,
            to_char(timezone('UTC', e.occurred_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            e.transaction_id,
            e.tenant_id,
            e.table_id,
            e.table_version,
            e.operation,
            e.record_key,
            e.actor_id,
            e.action,
            e.context,
            e.old_values,
            e.new_values,
            encode(e.personal_commitment, 'hex'),
            e.row_xmin::text::bigint
        )::{{ audit }}.event_v1)::text

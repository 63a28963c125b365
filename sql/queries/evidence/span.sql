-- object:   (query)
-- purpose:  first and last block of a tenant that hold an event of a time range, and that were sealed in it or just after
-- A block holds nothing that happened after it was sealed; clocks may be set back, hence the hour.
SELECT
    (
        SELECT b.block_number
        FROM {{ audit }}.blocks AS b
        WHERE b.tenant_id = %(tenant)s AND b.log_index < %(size)s
            AND b.sealed_at >= %(low)s::timestamptz - interval '1 hour'
            AND EXISTS (
                SELECT FROM {{ audit }}.change_events AS e
                WHERE e.tenant_id = %(tenant)s AND e.event_id BETWEEN b.first_event_id AND b.last_event_id
                    AND e.occurred_at >= %(low)s AND e.occurred_at < %(high)s
                    AND e.event_id = ANY (b.event_ids)
            )
        ORDER BY b.block_number
        LIMIT 1
    ) AS first,
    (
        SELECT b.block_number
        FROM {{ audit }}.blocks AS b
        WHERE b.tenant_id = %(tenant)s AND b.log_index < %(size)s
            AND b.sealed_at >= %(low)s::timestamptz - interval '1 hour'
            AND EXISTS (
                SELECT FROM {{ audit }}.change_events AS e
                WHERE e.tenant_id = %(tenant)s AND e.event_id BETWEEN b.first_event_id AND b.last_event_id
                    AND e.occurred_at >= %(low)s AND e.occurred_at < %(high)s
                    AND e.event_id = ANY (b.event_ids)
            )
        ORDER BY b.block_number DESC
        LIMIT 1
    ) AS last,
    (
        SELECT min(b.block_number)
        FROM {{ audit }}.blocks AS b
        WHERE b.tenant_id = %(tenant)s AND b.log_index < %(size)s AND b.sealed_at >= %(low)s
    ) AS first_sealed,
    (
        SELECT max(b.block_number)
        FROM {{ audit }}.blocks AS b
        WHERE b.tenant_id = %(tenant)s AND b.log_index < %(size)s AND b.sealed_at < %(high)s
    ) AS last_sealed,
    (
        SELECT min(b.block_number)
        FROM {{ audit }}.blocks AS b
        WHERE b.tenant_id = %(tenant)s AND b.log_index < %(size)s AND b.sealed_at >= %(high)s
    ) AS first_after

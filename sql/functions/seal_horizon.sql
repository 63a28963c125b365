-- object:   function audit.seal_since
-- object:   function audit.remember_seal
-- requires: tables/seal_state.sql
-- purpose:  how far back a seal has to look, so that old partitions are left alone
CREATE OR REPLACE FUNCTION {{ audit }}.seal_since(p_sealed_at timestamptz, p_snapshot pg_snapshot)
RETURNS timestamptz
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
    -- What the last snapshot did not see has an id from its xmin on, so it began after any seal with a
    -- lower id of its own. Only while the clock runs forward is that safe.
    SELECT coalesce(min(h.began_at) - interval '1 hour', '-infinity')
    FROM {{ audit }}.seal_horizon AS h
    WHERE clock_timestamp() BETWEEN p_sealed_at AND p_sealed_at + interval '10 minutes'
        AND h.transaction_id >= (
            SELECT max(o.transaction_id)
            FROM {{ audit }}.seal_horizon AS o
            WHERE o.transaction_id < pg_snapshot_xmin(p_snapshot)::text::bigint
        )
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.remember_seal(p_transaction_id bigint, p_snapshot pg_snapshot)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    -- one a minute is enough, and each whose clock went back
    INSERT INTO {{ audit }}.seal_horizon (transaction_id, began_at)
    SELECT p_transaction_id, now()
    WHERE NOT EXISTS (
        SELECT FROM {{ audit }}.seal_horizon AS h
        WHERE h.transaction_id = (SELECT max(o.transaction_id) FROM {{ audit }}.seal_horizon AS o)
            AND (
                h.transaction_id = p_transaction_id
                OR now() BETWEEN h.began_at AND h.began_at + interval '1 minute'
            )
    );
    DELETE FROM {{ audit }}.seal_horizon AS h
    WHERE h.transaction_id < (
        SELECT max(o.transaction_id)
        FROM {{ audit }}.seal_horizon AS o
        WHERE o.transaction_id < pg_snapshot_xmin(p_snapshot)::text::bigint
    );
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.seal_since(timestamptz, pg_snapshot) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.remember_seal(bigint, pg_snapshot) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.seal_since(timestamptz, pg_snapshot) IS 'No event that is yet to be sealed can be older.';
COMMENT ON FUNCTION {{ audit }}.remember_seal(bigint, pg_snapshot) IS 'Notes when a seal began, for later ones to know how far back to look.';

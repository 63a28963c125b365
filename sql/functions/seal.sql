-- object:   function audit.seal()
-- requires: functions/append_block.sql, functions/note_config.sql, functions/seal_horizon.sql, functions/seal_incarnation.sql, functions/seal_query.sql
-- purpose:  puts what has been committed since the last seal into blocks; returns how many events
-- Sealed is what this statement's snapshot sees and the last one did not: each event once, none before its
-- predecessor on the same row, and no open transaction can hold it up. See docs/explanation/sealing.md.
CREATE OR REPLACE FUNCTION {{ audit }}.seal()
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER -- sealers may seal and nothing else
SET search_path = pg_catalog, pg_temp
SET jit = off -- compiling takes longer than any seal, and its costs are guessed too high
SET row_security = on -- off makes a query that row security filters an error, also for the owner
SET standard_conforming_strings = on
SET quote_all_identifiers = off -- the fingerprint holds names
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $fn$
DECLARE
    v_state {{ audit }}.seal_state;
    v_here {{ audit }}.incarnation_v1;
    v_new_incarnation boolean;
    v_draining boolean;
    v_batch record;
    v_last_system record;
    v_snapshot pg_snapshot;
    v_sealed_at timestamptz;
    v_log_size bigint;
    v_sealed bigint := 0;
    v_own bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'seal() needs READ COMMITTED, this transaction is %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state',
            HINT = 'Call it in a transaction of its own.';
    END IF;
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'this server is a standby: seals are made on the primary'
            USING ERRCODE = 'read_only_sql_transaction',
            HINT = 'Call seal() on the primary; after a failover, on the server that was promoted.';
    END IF;
    BEGIN
        -- Conflicts with itself and lets pg_dump pass, which would else stop all sealing while it runs.
        LOCK TABLE {{ audit }}.seal_lock IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0; -- another seal is at work
    END;
    SELECT * INTO v_state FROM {{ audit }}.seal_state;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this copy of the database was restored without the log''s data'
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('DROP SCHEMA %I CASCADE, and run pgaudit-kit install.', {{ schema_name }});
    END IF;
    v_here := {{ audit }}.seal_incarnation(v_state.event_id_boundary);
    v_new_incarnation := coalesce(
        v_state.system_identifier <> v_here.system_identifier OR v_state.database_oid <> v_here.database_oid
            OR v_state.own_oid <> (SELECT s.tableoid::bigint FROM {{ audit }}.seal_state AS s), -- restored in place
        false
    );
    IF v_new_incarnation THEN
        v_here.event_id_boundary := {{ audit }}.begin_incarnation();
        SELECT coalesce(max(b.last_event_id), 0) INTO v_state.drained_above FROM {{ audit }}.blocks AS b;
    END IF;
    IF v_new_incarnation OR v_state.timeline <> v_here.timeline THEN
        PERFORM {{ audit }}.record_control('incarnation', jsonb_build_object(
            'before', jsonb_build_object('system_identifier', v_state.system_identifier,
                'timeline', v_state.timeline, 'database_oid', v_state.database_oid),
            'after', to_jsonb(v_here)
        ));
    END IF;
    IF (SELECT q.last_value FROM {{ audit }}.event_id_seq AS q) < v_state.highest_event_id THEN
        -- pg_restore --data-only sets sequences back, whatever else it could not restore
        PERFORM setval({{ event_id_seq }}, v_state.highest_event_id);
        PERFORM {{ audit }}.record_control('sequence-set-back', jsonb_build_object('to', v_state.highest_event_id));
    END IF;
    v_draining := v_new_incarnation OR v_state.drained_at_xid IS NOT NULL;

    v_log_size := v_state.log_size;
    FOR v_batch IN EXECUTE {{ audit }}.seal_query(v_draining, v_new_incarnation) USING
        pg_snapshot_xmax(v_state.snapshot)::text::bigint,
        coalesce(txid_current_if_assigned(), 0),
        v_here.event_id_boundary,
        {{ audit }}.seal_since(v_state.sealed_at, v_state.snapshot),
        ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(v_state.snapshot) AS x),
        v_new_incarnation,
        v_state.drained_above
    LOOP
        IF v_snapshot IS NULL THEN
            v_snapshot := v_batch.snapshot;
            v_sealed_at := clock_timestamp(); -- no event in it is younger
        END IF;
        CONTINUE WHEN v_batch.tenant_id IS NULL;
        v_sealed := v_sealed + cardinality(v_batch.event_ids);
        v_state.highest_event_id := greatest(
            v_state.highest_event_id, v_batch.event_ids[cardinality(v_batch.event_ids)]
        );
        IF v_batch.tenant_id = '_system' THEN
            -- the kit's own tenant comes last, and its last block is the seal record
            IF v_last_system IS NOT NULL THEN
                PERFORM {{ audit }}.append_block(
                    v_log_size, v_sealed_at, '_system', v_last_system.event_ids, v_last_system.event_hashes
                );
                v_log_size := v_log_size + 1;
            END IF;
            v_last_system := v_batch;
        ELSE
            PERFORM {{ audit }}.append_block(
                v_log_size, v_sealed_at, v_batch.tenant_id, v_batch.event_ids, v_batch.event_hashes
            );
            v_log_size := v_log_size + 1;
        END IF;
    END LOOP;
    IF v_sealed = 0 AND NOT v_new_incarnation
        AND v_sealed_at BETWEEN v_state.sealed_at AND v_state.sealed_at + interval '1 minute'
    THEN
        RETURN 0; -- idle, and the last heartbeat is fresh
    END IF;

    -- This transaction's own events wait for the next seal: its id must not count as seen.
    v_own := txid_current();
    IF pg_visible_in_snapshot(v_own::text::xid8, v_snapshot) THEN
        SELECT format('%s:%s:%s', pg_snapshot_xmin(v_snapshot), pg_snapshot_xmax(v_snapshot),
            string_agg(x.id::text, ',' ORDER BY x.id))::pg_snapshot
        INTO v_snapshot
        FROM (
            SELECT i::text::bigint AS id FROM pg_snapshot_xip(v_snapshot) AS i
            UNION
            SELECT v_own
        ) AS x;
    END IF;
    IF v_last_system IS NULL THEN
        SELECT '{}'::bigint[] AS event_ids, ''::bytea AS event_hashes INTO v_last_system;
    END IF;
    PERFORM {{ audit }}.append_block(
        v_log_size, v_sealed_at, '_system', v_last_system.event_ids, v_last_system.event_hashes,
        v_snapshot::text, v_here, {{ audit }}.note_config(v_new_incarnation)
    );
    UPDATE {{ audit }}.seal_state AS s
    SET log_size = v_log_size + 1,
        snapshot = v_snapshot,
        sealed_at = v_sealed_at,
        system_identifier = v_here.system_identifier,
        timeline = v_here.timeline,
        database_oid = v_here.database_oid,
        own_oid = s.tableoid::bigint,
        event_id_boundary = v_here.event_id_boundary,
        highest_event_id = v_state.highest_event_id,
        drained_above = v_state.drained_above,
        drained_at_xid = CASE
            WHEN v_new_incarnation THEN v_own -- later than any that took a number up to the boundary
            WHEN pg_snapshot_xmin(v_snapshot)::text::bigint < v_state.drained_at_xid THEN v_state.drained_at_xid
        END;
    IF v_new_incarnation THEN
        DELETE FROM {{ audit }}.seal_horizon;
    END IF;
    PERFORM {{ audit }}.remember_seal(v_own, v_snapshot);
    RETURN v_sealed;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.seal() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {{ audit }}.seal() TO {{ sealer }};
COMMENT ON FUNCTION {{ audit }}.seal() IS 'Seals what has been committed since the last seal; returns the number of events.';

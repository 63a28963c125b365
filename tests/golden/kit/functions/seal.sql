CREATE OR REPLACE FUNCTION "audit".seal()
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER -- sealers may seal and nothing else
SET search_path = pg_catalog, pg_temp
SET row_security = on -- off makes a query that row security filters an error, also for the owner
SET standard_conforming_strings = on
SET quote_all_identifiers = off -- the fingerprint holds names
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $fn$
DECLARE
    c_line CONSTANT text := $line$row_to_json(ROW(
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
        )::"audit".event_v1)::text
$line$;
    v_state "audit".seal_state;
    v_here "audit".incarnation_v1;
    v_new_incarnation boolean;
    v_draining boolean;
    v_query text;
    v_highest bigint;
    v_since timestamptz;
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
        LOCK TABLE "audit".seal_lock IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0; -- another seal is at work
    END;
    SELECT * INTO v_state FROM "audit".seal_state;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this copy of the database was restored without the log''s data'
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('DROP SCHEMA %I CASCADE, and run pgaudit-kit install.', 'audit');
    END IF;
    SELECT s.system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer,
        d.oid::bigint, v_state.event_id_boundary
    INTO v_here
    FROM pg_control_system() AS s
    INNER JOIN pg_database AS d ON d.datname = current_database();
    v_new_incarnation := coalesce(
        v_state.system_identifier <> v_here.system_identifier OR v_state.database_oid <> v_here.database_oid
            OR v_state.own_oid <> (SELECT s.tableoid::bigint FROM "audit".seal_state AS s), -- restored in place
        false
    );
    IF v_new_incarnation THEN
        -- Transaction ids may have started anew: what is here already is told by its number, not by theirs.
        PERFORM FROM (
            SELECT e.event_id, count(*) AS events
            FROM "audit".change_events AS e
            GROUP BY e.event_id
            HAVING count(*) > 1
        ) AS d
        WHERE d.events > ( -- what was sealed twice before is for verify to tell
            SELECT count(*)
            FROM "audit".blocks AS b
            CROSS JOIN unnest(b.event_ids) AS i (event_id)
            WHERE d.event_id BETWEEN b.first_event_id AND b.last_event_id AND i.event_id = d.event_id
        );
        IF FOUND THEN
            RAISE EXCEPTION 'the log holds several events of one number: it was restored while triggers recorded'
                USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Restore again into an empty database: all at once, or with the sections pre-data, data and '
                    'post-data in this order. Data alone belongs into a schema without triggers.';
        END IF;
        SELECT max(e.event_id) INTO v_highest FROM "audit".change_events AS e;
        SELECT q.last_value INTO v_here.event_id_boundary FROM "audit".event_id_seq AS q;
        IF v_here.event_id_boundary < v_highest THEN -- a copy that left sequences out
            v_here.event_id_boundary := setval('"audit"."event_id_seq"', v_highest);
        END IF;
        SELECT coalesce(max(b.last_event_id), 0) INTO v_state.drained_above FROM "audit".blocks AS b;
    END IF;
    IF v_new_incarnation OR v_state.timeline <> v_here.timeline THEN
        PERFORM "audit".record_control('incarnation', jsonb_build_object(
            'before', jsonb_build_object('system_identifier', v_state.system_identifier,
                'timeline', v_state.timeline, 'database_oid', v_state.database_oid),
            'after', to_jsonb(v_here)
        ));
    END IF;
    IF (SELECT q.last_value FROM "audit".event_id_seq AS q) < v_state.highest_event_id THEN
        -- pg_restore --data-only sets sequences back, whatever else it could not restore
        PERFORM setval('"audit"."event_id_seq"', v_state.highest_event_id);
        PERFORM "audit".record_control('sequence-set-back', jsonb_build_object('to', v_state.highest_event_id));
    END IF;
    v_draining := v_new_incarnation OR v_state.drained_at_xid IS NOT NULL;

    -- How far back to look: what the last snapshot did not see has an id from its xmin on, so it began
    -- after any seal with a lower id of its own. Only while the clock runs forward is that safe.
    IF clock_timestamp() BETWEEN v_state.sealed_at AND v_state.sealed_at + interval '10 minutes' THEN
        SELECT min(h.began_at) - interval '1 hour' INTO v_since
        FROM "audit".seal_horizon AS h
        WHERE h.transaction_id >= (
            SELECT max(o.transaction_id) FROM "audit".seal_horizon AS o
            WHERE o.transaction_id < pg_snapshot_xmin(v_state.snapshot)::text::bigint
        );
    END IF;
    v_since := coalesce(v_since, '-infinity');

    v_query := format(
        $q$
        WITH candidates AS (
            SELECT e.tenant_id, e.event_id, sha256(convert_to(%1$s, 'UTF8')) AS hash
            FROM "audit".change_events AS e
            WHERE e.transaction_id >= $1 AND e.transaction_id <> $2 AND e.event_id > $3 AND e.occurred_at >= $4
                AND NOT $6
            UNION ALL
            SELECT e.tenant_id, e.event_id, sha256(convert_to(%1$s, 'UTF8')) AS hash
            FROM "audit".change_events AS e
            WHERE e.transaction_id = ANY ($5) AND e.transaction_id <> $2 AND e.event_id > $3
                AND e.occurred_at >= $4 AND NOT $6
            %2$s
        ),

        numbered AS (
            SELECT c.*, (row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.event_id) - 1) / 65536 AS part
            FROM candidates AS c
        ),

        batches AS (
            SELECT
                n.tenant_id,
                n.part,
                array_agg(n.event_id ORDER BY n.event_id) AS event_ids,
                string_agg(n.hash, '' ORDER BY n.event_id) AS event_hashes
            FROM numbered AS n
            GROUP BY n.tenant_id, n.part
        )

        SELECT s.snapshot, b.tenant_id, b.event_ids, b.event_hashes
        FROM (SELECT pg_current_snapshot() AS snapshot) AS s
        LEFT JOIN batches AS b ON true
        ORDER BY b.tenant_id = '_system', b.tenant_id, b.part
        $q$,
        c_line,
        CASE WHEN v_draining THEN format(
            $q$
            UNION ALL
            SELECT e.tenant_id, e.event_id, sha256(convert_to(%1$s, 'UTF8')) AS hash
            FROM "audit".change_events AS e
            WHERE %2$s AND e.transaction_id <> $2 AND NOT EXISTS (
                SELECT FROM (SELECT unnest(b.event_ids) AS event_id FROM "audit".blocks AS b WHERE %3$s) AS z
                WHERE z.event_id = e.event_id
            )
            $q$,
            c_line,
            -- first all that is here, then what was under way at that moment
            CASE WHEN v_new_incarnation THEN 'true' ELSE 'e.event_id > $7 AND e.event_id <= $3' END,
            CASE WHEN v_new_incarnation THEN 'true' ELSE 'b.last_event_id > $7' END
        ) ELSE '' END
    );
    v_log_size := v_state.log_size;
    FOR v_batch IN EXECUTE v_query USING
        pg_snapshot_xmax(v_state.snapshot)::text::bigint,
        coalesce(txid_current_if_assigned(), 0),
        v_here.event_id_boundary,
        v_since,
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
                PERFORM "audit".append_block(
                    v_log_size, v_sealed_at, '_system', v_last_system.event_ids, v_last_system.event_hashes
                );
                v_log_size := v_log_size + 1;
            END IF;
            v_last_system := v_batch;
        ELSE
            PERFORM "audit".append_block(
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
    PERFORM "audit".append_block(
        v_log_size, v_sealed_at, '_system', v_last_system.event_ids, v_last_system.event_hashes,
        v_snapshot::text, v_here, "audit".config_fingerprint()
    );
    UPDATE "audit".seal_state AS s
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
        DELETE FROM "audit".seal_horizon;
    END IF;
    -- one a minute is enough, and each whose clock went back
    INSERT INTO "audit".seal_horizon (transaction_id, began_at)
    SELECT v_own, now()
    WHERE NOT EXISTS (
        SELECT FROM "audit".seal_horizon AS h
        WHERE h.transaction_id = (SELECT max(o.transaction_id) FROM "audit".seal_horizon AS o)
            AND (h.transaction_id = v_own OR now() BETWEEN h.began_at AND h.began_at + interval '1 minute')
    );
    DELETE FROM "audit".seal_horizon AS h
    WHERE h.transaction_id < (
        SELECT max(o.transaction_id) FROM "audit".seal_horizon AS o
        WHERE o.transaction_id < pg_snapshot_xmin(v_snapshot)::text::bigint
    );
    RETURN v_sealed;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".seal() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".seal() TO "pgaudit_kit_sealer";
COMMENT ON FUNCTION "audit".seal() IS 'Seals what has been committed since the last seal; returns the number of events.';

CREATE OR REPLACE FUNCTION "audit".log_entries(p_first bigint, p_limit integer)
RETURNS TABLE (log_index bigint, header text)
LANGUAGE sql
STABLE
SECURITY DEFINER -- signers have no right on the blocks
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
    SELECT b.log_index, b.header
    FROM "audit".blocks AS b
    WHERE b.log_index >= p_first AND b.log_index < p_first + p_limit
    ORDER BY b.log_index
$fn$;
CREATE OR REPLACE FUNCTION "audit".store_log_tiles(p_limit integer DEFAULT 1000)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER -- signers have no right on the tiles
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
DECLARE
    v_nodes bigint;
    v_level integer := 0;
    v_next bigint;
    v_stored integer := 0;
BEGIN
    SELECT s.log_size INTO v_nodes FROM "audit".seal_state AS s;
    WHILE v_nodes >= 256 LOOP
        v_nodes := v_nodes >> 8;
        SELECT coalesce(max(t.tile_index) + 1, 0) INTO v_next FROM "audit".log_tiles AS t
        WHERE t.tile_level = v_level;
        WHILE v_next < v_nodes LOOP
            IF v_stored >= p_limit THEN
                RETURN v_stored;
            END IF;
            INSERT INTO "audit".log_tiles (tile_level, tile_index, node_hashes)
            VALUES (v_level, v_next, "audit".log_nodes(v_level, v_next * 256, 256))
            ON CONFLICT ON CONSTRAINT log_tiles_tile_level_tile_index_pk DO NOTHING; -- another signer was faster
            v_next := v_next + 1;
            v_stored := v_stored + 1;
        END LOOP;
        v_level := v_level + 1;
    END LOOP;
    RETURN v_stored;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".newest_checkpoint(p_origin text)
RETURNS TABLE (size bigint, root bytea, note text)
LANGUAGE sql
STABLE
SECURITY DEFINER -- signers have no right on the checkpoints
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
    SELECT c.size, c.root, c.note
    FROM "audit".checkpoints AS c
    WHERE c.origin = p_origin
    ORDER BY c.size DESC
    LIMIT 1
$fn$;
CREATE OR REPLACE FUNCTION "audit".prepare_checkpoint(p_origin text, p_size bigint, p_root bytea)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER -- signers have no right on the checkpoints
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
DECLARE
    v_root bytea;
BEGIN
    IF p_size > (SELECT s.log_size FROM "audit".seal_state AS s) THEN
        RAISE EXCEPTION 'the log has fewer than % blocks', p_size
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO "audit".checkpoints (origin, size, root, prepared_at)
    VALUES (p_origin, p_size, p_root, clock_timestamp())
    ON CONFLICT ON CONSTRAINT checkpoints_origin_size_pk DO NOTHING;
    SELECT c.root INTO v_root FROM "audit".checkpoints AS c
    WHERE c.origin = p_origin AND c.size = p_size;
    IF v_root <> p_root THEN
        RAISE EXCEPTION 'the log % of % blocks was signed with another root, %', p_origin, p_size,
            encode(v_root, 'hex')
            USING ERRCODE = 'integrity_constraint_violation',
            HINT = 'The log was rewritten, or restored: run pgaudit-kit verify --all.';
    END IF;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".publish_checkpoint(
    p_origin text, p_size bigint, p_note text, p_anchors jsonb
)
RETURNS void
LANGUAGE sql
SECURITY DEFINER -- signers have no right on the checkpoints
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
    UPDATE "audit".checkpoints AS c
    SET note = p_note,
        anchors = p_anchors,
        published_at = CASE
            WHEN p_anchors = '{}' OR jsonb_path_exists(p_anchors, '$.* ? (@ == null)') THEN clock_timestamp()
            ELSE c.published_at
        END
    WHERE c.origin = p_origin AND c.size = p_size
$fn$;
CREATE OR REPLACE FUNCTION "audit".record_signing(p_kind text, p_detail jsonb)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER -- signers have no right on the log
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $fn$
BEGIN
    IF (p_kind IN ('key-rotation', 'log-restored')) IS NOT TRUE THEN
        RAISE EXCEPTION '% is nothing that happens to the signed log', p_kind
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN "audit".record_control(p_kind, p_detail);
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".log_entries(bigint, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".store_log_tiles(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".newest_checkpoint(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".prepare_checkpoint(text, bigint, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".publish_checkpoint(text, bigint, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".log_entries(bigint, integer) TO "pgaudit_kit_signer";
GRANT EXECUTE ON FUNCTION "audit".store_log_tiles(integer) TO "pgaudit_kit_signer";
GRANT EXECUTE ON FUNCTION "audit".newest_checkpoint(text) TO "pgaudit_kit_signer";
GRANT EXECUTE ON FUNCTION "audit".prepare_checkpoint(text, bigint, bytea) TO "pgaudit_kit_signer";
GRANT EXECUTE ON FUNCTION "audit".publish_checkpoint(text, bigint, text, jsonb) TO "pgaudit_kit_signer";
COMMENT ON FUNCTION "audit".log_entries(bigint, integer) IS 'Headers of some blocks in the order of the log.';
COMMENT ON FUNCTION "audit".store_log_tiles(integer) IS 'Keeps the hashes of full tiles; returns how many were made.';
COMMENT ON FUNCTION "audit".newest_checkpoint(text) IS 'The checkpoint of the largest size that was prepared for a log.';
COMMENT ON FUNCTION "audit".prepare_checkpoint(text, bigint, bytea) IS 'Writes down what is about to be signed; an error where that size was signed with another root.';
COMMENT ON FUNCTION "audit".publish_checkpoint(text, bigint, text, jsonb) IS 'Writes down the signed note when the anchors have it.';
REVOKE ALL ON FUNCTION "audit".record_signing(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".record_signing(text, jsonb) TO "pgaudit_kit_signer";
COMMENT ON FUNCTION "audit".record_signing(text, jsonb) IS 'Appends a control event about the log''s keys, or about its restoration.';

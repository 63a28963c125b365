CREATE OR REPLACE FUNCTION "audit".log_nodes(p_level integer, p_first bigint, p_count integer)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    c_leaf CONSTANT bytea := decode('00', 'hex');
    v_tile bytea;
    v_nodes bytea;
    v_found bigint;
BEGIN
    SELECT t.node_hashes INTO v_tile FROM "audit".log_tiles AS t
    WHERE t.tile_level = p_level AND t.tile_index = p_first >> 8;
    IF FOUND THEN
        RETURN substr(v_tile, (p_first & 255)::integer * 32 + 1, p_count * 32);
    END IF;
    IF p_level = 0 THEN
        SELECT
            string_agg(sha256(c_leaf || convert_to(b.header, 'UTF8')), '' ORDER BY b.log_index),
            count(*)
        INTO v_nodes, v_found
        FROM "audit".blocks AS b
        WHERE b.log_index >= p_first AND b.log_index < p_first + p_count;
    ELSE
        SELECT
            string_agg("audit".merkle_fold(
                coalesce(t.node_hashes, "audit".log_nodes(p_level - 1, n.number * 256, 256))
            ), '' ORDER BY n.number),
            count(*)
        INTO v_nodes, v_found
        FROM generate_series(p_first, p_first + p_count - 1) AS n (number)
        LEFT JOIN "audit".log_tiles AS t ON t.tile_level = p_level - 1 AND t.tile_index = n.number;
    END IF;
    IF v_found IS DISTINCT FROM p_count THEN
        RAISE EXCEPTION 'the log''s tree lacks % of % nodes from % on at level %',
            p_count - v_found, p_count, p_first, p_level
            USING ERRCODE = 'no_data_found',
            HINT = 'Blocks are missing: run pgaudit-kit verify --all.';
    END IF;
    RETURN v_nodes;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".log_subtree(p_low bigint, p_high bigint)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_size bigint := p_high - p_low;
    v_height integer := 0;
    v_split bigint;
    v_below integer;
BEGIN
    WHILE (1::bigint << v_height) < v_size LOOP
        v_height := v_height + 1;
    END LOOP;
    IF (1::bigint << v_height) = v_size THEN
        -- a perfect subtree: some nodes of the tile level below it; 256 of them are a tile of the next one
        v_below := CASE WHEN v_height > 0 AND v_height % 8 = 0 THEN v_height / 8 - 1 ELSE v_height / 8 END;
        RETURN "audit".merkle_fold("audit".log_nodes(
            v_below, p_low >> (8 * v_below), (v_size >> (8 * v_below))::integer
        ));
    END IF;
    v_split := p_low + (1::bigint << (v_height - 1));
    RETURN sha256(
        decode('01', 'hex') || "audit".log_subtree(p_low, v_split) || "audit".log_subtree(v_split, p_high)
    );
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".log_root(size bigint)
RETURNS bytea
LANGUAGE sql
STABLE
SECURITY DEFINER -- a proof holds hashes over all tenants' blocks, and nothing else of theirs
SET row_security = on
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT CASE WHEN size = 0 THEN sha256(''::bytea) ELSE "audit".log_subtree(0, size) END
$fn$;
CREATE OR REPLACE FUNCTION "audit".log_inclusion(log_index bigint, size bigint)
RETURNS bytea[]
LANGUAGE plpgsql
STABLE
SECURITY DEFINER -- a proof holds hashes over all tenants' blocks, and nothing else of theirs
SET row_security = on
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_low bigint := 0;
    v_high bigint := size;
    v_half bigint;
    v_split bigint;
    v_proof bytea[] := '{}'::bytea[];
BEGIN
    IF (log_index >= 0 AND log_index < size) IS NOT TRUE THEN
        RAISE EXCEPTION 'a log of % blocks has no block %', size, log_index
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WHILE v_high - v_low > 1 LOOP
        v_half := 1;
        WHILE v_half * 2 < v_high - v_low LOOP
            v_half := v_half * 2;
        END LOOP;
        v_split := v_low + v_half;
        IF log_index < v_split THEN
            v_proof := "audit".log_subtree(v_split, v_high) || v_proof;
            v_high := v_split;
        ELSE
            v_proof := "audit".log_subtree(v_low, v_split) || v_proof;
            v_low := v_split;
        END IF;
    END LOOP;
    RETURN v_proof;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".log_consistency(old_size bigint, new_size bigint)
RETURNS bytea[]
LANGUAGE plpgsql
STABLE
SECURITY DEFINER -- a proof holds hashes over all tenants' blocks, and nothing else of theirs
SET row_security = on
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    v_low bigint := 0;
    v_high bigint := new_size;
    v_half bigint;
    v_split bigint;
    v_whole boolean := true;
    v_proof bytea[] := '{}'::bytea[];
BEGIN
    IF (old_size >= 1 AND old_size <= new_size) IS NOT TRUE THEN
        RAISE EXCEPTION 'no consistency proof leads from % blocks to %', old_size, new_size
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WHILE old_size < v_high LOOP
        v_half := 1;
        WHILE v_half * 2 < v_high - v_low LOOP
            v_half := v_half * 2;
        END LOOP;
        v_split := v_low + v_half;
        IF old_size <= v_split THEN
            v_proof := "audit".log_subtree(v_split, v_high) || v_proof;
            v_high := v_split;
        ELSE
            v_proof := "audit".log_subtree(v_low, v_split) || v_proof;
            v_low := v_split;
            v_whole := false;
        END IF;
    END LOOP;
    IF NOT v_whole THEN
        v_proof := "audit".log_subtree(v_low, v_high) || v_proof;
    END IF;
    RETURN v_proof;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".log_nodes(integer, bigint, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".log_subtree(bigint, bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".log_root(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".log_root(bigint) TO "pgaudit_kit_reader", "pgaudit_kit_auditor", "pgaudit_kit_signer";
REVOKE ALL ON FUNCTION "audit".log_inclusion(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".log_inclusion(bigint, bigint) TO "pgaudit_kit_reader", "pgaudit_kit_auditor", "pgaudit_kit_signer";
REVOKE ALL ON FUNCTION "audit".log_consistency(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "audit".log_consistency(bigint, bigint) TO "pgaudit_kit_reader", "pgaudit_kit_auditor", "pgaudit_kit_signer";
COMMENT ON FUNCTION "audit".log_nodes(integer, bigint, integer) IS 'Hashes of some nodes of the log''s tree within one tile.';
COMMENT ON FUNCTION "audit".log_subtree(bigint, bigint) IS 'Tree hash over the blocks from one position of the log to before another, which a proof may name.';
COMMENT ON FUNCTION "audit".log_root(bigint) IS 'Root of the log''s tree over its first blocks.';
COMMENT ON FUNCTION "audit".log_inclusion(bigint, bigint) IS 'Proof that a block stands at its place in the log, from the leaf upwards.';
COMMENT ON FUNCTION "audit".log_consistency(bigint, bigint) IS 'Proof that the log of an earlier size is a prefix of the one of a later size.';

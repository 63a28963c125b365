CREATE OR REPLACE FUNCTION "audit".merkle_root(p_leaves bytea)
RETURNS bytea
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    c_leaf CONSTANT bytea := decode('00', 'hex'); -- whatever standard_conforming_strings is
    c_node CONSTANT bytea := decode('01', 'hex');
    v_nodes integer := octet_length(p_leaves) / 32;
    v_level bytea;
BEGIN
    IF v_nodes = 0 THEN
        RETURN sha256('');
    END IF;
    IF v_nodes = 1 THEN
        RETURN sha256(c_leaf || p_leaves);
    END IF;
    v_level := (
        SELECT string_agg(sha256(c_leaf || substr(p_leaves, i * 32 + 1, 32)), '' ORDER BY i)
        FROM generate_series(0, v_nodes - 1) AS i
    );
    WHILE v_nodes > 1 LOOP
        v_level := (
            SELECT string_agg(
                CASE WHEN i * 2 + 1 < v_nodes
                    THEN sha256(c_node || substr(v_level, i * 64 + 1, 64))
                    ELSE substr(v_level, i * 64 + 1, 32) -- an odd last node moves up unchanged
                END, '' ORDER BY i
            )
            FROM generate_series(0, (v_nodes - 1) / 2) AS i
        );
        v_nodes := (v_nodes + 1) / 2;
    END LOOP;
    RETURN v_level;
END;
$fn$;
REVOKE ALL ON FUNCTION "audit".merkle_root(bytea) FROM PUBLIC;
COMMENT ON FUNCTION "audit".merkle_root(bytea) IS 'RFC 6962 tree hash over concatenated 32-byte leaves.';

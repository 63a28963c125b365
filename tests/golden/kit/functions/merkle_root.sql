CREATE OR REPLACE FUNCTION "audit".merkle_fold(p_level bytea)
RETURNS bytea
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    c_node CONSTANT bytea := decode('01', 'hex'); -- whatever standard_conforming_strings is
    v_level bytea := p_level;
    v_nodes integer := octet_length(p_level) / 32;
BEGIN
    IF v_nodes = 0 THEN
        RETURN sha256('');
    END IF;
    WHILE v_nodes > 1 LOOP
        v_level := (
            SELECT string_agg(sha256(c_node || substr(v_level, i * 64 + 1, 64)), '')
            FROM generate_series(0, v_nodes / 2 - 1) AS i
        ) || substr(v_level, v_nodes / 2 * 64 + 1); -- an odd last node moves up unchanged
        v_nodes := (v_nodes + 1) / 2;
    END LOOP;
    RETURN v_level;
END;
$fn$;
CREATE OR REPLACE FUNCTION "audit".merkle_root(p_leaves bytea)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
    SELECT "audit".merkle_fold(coalesce(string_agg(
        sha256(decode('00', 'hex') || substr(p_leaves, i * 32 + 1, 32)), ''
    ), ''))
    FROM generate_series(0, octet_length(p_leaves) / 32 - 1) AS i
$fn$;
REVOKE ALL ON FUNCTION "audit".merkle_fold(bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION "audit".merkle_root(bytea) FROM PUBLIC;
COMMENT ON FUNCTION "audit".merkle_fold(bytea) IS 'Root over the concatenated 32-byte hashes of a level of an RFC 6962 tree.';
COMMENT ON FUNCTION "audit".merkle_root(bytea) IS 'RFC 6962 tree hash over concatenated 32-byte leaves.';

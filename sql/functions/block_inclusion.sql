-- object:   function audit.block_inclusion(bytea, integer)
-- requires: schema/audit.sql
-- purpose:  proof that an event's hash stands at its place in a block: RFC 6962, section 2.1.1, over 32-byte leaves
CREATE OR REPLACE FUNCTION {{ audit }}.block_inclusion(p_leaves bytea, p_index integer)
RETURNS bytea[]
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    c_leaf CONSTANT bytea := decode('00', 'hex'); -- whatever standard_conforming_strings is
    c_node CONSTANT bytea := decode('01', 'hex');
    v_leaves bytea := p_leaves || decode('', 'hex'); -- unpacked once
    v_nodes integer := octet_length(p_leaves) / 32;
    v_index integer := p_index;
    v_level bytea;
    v_proof bytea[] := '{}'::bytea[];
BEGIN
    IF (p_index >= 0 AND p_index < v_nodes) IS NOT TRUE THEN
        RAISE EXCEPTION 'a block of % events has none at place %', v_nodes, p_index
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    v_level := (
        SELECT string_agg(sha256(c_leaf || substr(v_leaves, p.first, 32)), '')
        FROM (SELECT generate_series(1, v_nodes * 32, 32) AS first) AS p
    );
    WHILE v_nodes > 1 LOOP
        IF (v_index # 1) < v_nodes THEN -- else it moves up unchanged
            v_proof := v_proof || substr(v_level, (v_index # 1) * 32 + 1, 32);
        END IF;
        v_level := (
            SELECT string_agg(sha256(c_node || substr(v_level, p.first, 64)), '')
            FROM (SELECT generate_series(1, v_nodes / 2 * 64, 64) AS first) AS p
        ) || substr(v_level, v_nodes / 2 * 64 + 1);
        v_nodes := (v_nodes + 1) / 2;
        v_index := v_index / 2;
    END LOOP;
    RETURN v_proof;
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.block_inclusion(bytea, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {{ audit }}.block_inclusion(bytea, integer) TO {{ reader }}, {{ auditor }};
COMMENT ON FUNCTION {{ audit }}.block_inclusion(bytea, integer) IS 'Proof that a hash stands at its place in a block, from the leaf upwards.';

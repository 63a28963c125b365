-- object:   function audit.merkle_fold
-- object:   function audit.merkle_root
-- requires: schema/audit.sql
-- purpose:  RFC 6962 tree hash (section 2.1) over 32-byte leaves
-- A level is one bytea; an array subscript for each node would be quadratic. generate_series gives its rows in
-- order and string_agg takes them so: an ORDER BY would sort every level. In a SELECT list it keeps no rows.
CREATE OR REPLACE FUNCTION {{ audit }}.merkle_fold(p_level bytea)
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
            SELECT string_agg(sha256(c_node || substr(v_level, p.first, 64)), '')
            FROM (SELECT generate_series(1, v_nodes / 2 * 64, 64) AS first) AS p
        ) || substr(v_level, v_nodes / 2 * 64 + 1); -- an odd last node moves up unchanged
        v_nodes := (v_nodes + 1) / 2;
    END LOOP;
    RETURN v_level;
END;
$fn$;
CREATE OR REPLACE FUNCTION {{ audit }}.merkle_root(p_leaves bytea)
RETURNS bytea
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    c_leaf CONSTANT bytea := decode('00', 'hex');
    c_node CONSTANT bytea := decode('01', 'hex');
    v_leaves bytea := p_leaves || decode('', 'hex'); -- unpacked once
    v_pairs integer := octet_length(p_leaves) / 64;
    v_last bytea := substr(v_leaves, v_pairs * 64 + 1);
    v_level bytea;
BEGIN
    -- Leaves and the level above them at once: half as many rows.
    v_level := (
        SELECT string_agg(sha256(
            c_node || sha256(c_leaf || substr(v_leaves, p.first, 32))
            || sha256(c_leaf || substr(v_leaves, p.first + 32, 32))
        ), '')
        FROM (SELECT generate_series(1, v_pairs * 64, 64) AS first) AS p
    );
    IF octet_length(v_last) > 0 THEN
        v_level := coalesce(v_level, decode('', 'hex')) || sha256(c_leaf || v_last);
    END IF;
    RETURN {{ audit }}.merkle_fold(coalesce(v_level, decode('', 'hex')));
END;
$fn$;
REVOKE ALL ON FUNCTION {{ audit }}.merkle_fold(bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION {{ audit }}.merkle_root(bytea) FROM PUBLIC;
COMMENT ON FUNCTION {{ audit }}.merkle_fold(bytea) IS 'Root over the concatenated 32-byte hashes of a level of an RFC 6962 tree.';
COMMENT ON FUNCTION {{ audit }}.merkle_root(bytea) IS 'RFC 6962 tree hash over concatenated 32-byte leaves.';

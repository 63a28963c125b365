"""Roots and proofs that the database makes, with tiles and without, against those of RFC 6962 in Python."""

from __future__ import annotations

import pytest
from psycopg import errors

from pgaudit_kit import merkle
from tests.sealing import one
from tests.servers import Database

BLOCKS = 256 * 256 + 256 * 3 + 77
"""So many that the tree has tiles on two levels, and nodes beside them on each."""


@pytest.fixture
def leaves(kit_db: Database) -> list[bytes]:
    """Blocks with headers that nobody would seal; the tree is over whatever they say."""
    kit_db.execute(
        "ALTER TABLE audit.blocks DISABLE TRIGGER USER; INSERT INTO audit.blocks (log_index, block_number,"
        " sealed_at, first_position, event_count, tenant_id, prev_hash, merkle_root, block_hash, header,"
        " event_ids, event_hashes) SELECT i, i + 1, '2026-01-01', 1, 0, 't', sha256(''), sha256(''),"
        f" sha256(''), 'Zürich ' || i, '{{}}', '' FROM generate_series(0, {BLOCKS - 1}) AS i"
    )
    kit_db.execute("UPDATE audit.seal_state SET log_size = %s", [BLOCKS])
    return [merkle.leaf_hash(f"Zürich {number}".encode()) for number in range(BLOCKS)]


SIZES = [1, 2, 3, 255, 256, 257, 511, 512, 1000, 256 * 256 - 1, 256 * 256, 256 * 256 + 1, BLOCKS - 1, BLOCKS]


@pytest.mark.parametrize("tiles", [False, True], ids=["from blocks", "from tiles"])
def test_roots_and_proofs_are_those_of_the_definition(
    kit_db: Database, leaves: list[bytes], tiles: bool
) -> None:
    if tiles:
        while one(kit_db, "SELECT audit.store_log_tiles(100)"):
            pass
        assert kit_db.execute(
            "SELECT tile_level, count(*) FROM audit.log_tiles GROUP BY tile_level ORDER BY tile_level"
        ).fetchall() == [(0, 259), (1, 1)]
        # what is in a tile is not read from the blocks again
        kit_db.execute("DELETE FROM audit.blocks WHERE log_index < 259 * 256")
    roots = {size: merkle.fold(leaves[:size]) for size in SIZES}
    sizes = SIZES if tiles else SIZES[:10]
    for size in sizes:
        assert bytes(one(kit_db, "SELECT audit.log_root(%s)", [size])) == roots[size], size
        for index in {0, 1, size // 2, size - 1} - {size}:
            proof = [bytes(node) for node in one(kit_db, "SELECT audit.log_inclusion(%s, %s)", [index, size])]
            assert merkle.verify_inclusion(leaves[index], index, size, proof, roots[size]), (index, size)
        for old in (smaller for smaller in sizes if smaller <= size):
            proof = [bytes(node) for node in one(kit_db, "SELECT audit.log_consistency(%s, %s)", [old, size])]
            assert merkle.verify_consistency(old, size, proof, roots[old], roots[size]), (old, size)


def test_a_missing_block_gives_an_error_and_no_proof(kit_db: Database, leaves: list[bytes]) -> None:
    kit_db.execute("DELETE FROM audit.blocks WHERE log_index = 5")
    with pytest.raises(errors.NoDataFound, match="lacks 1 of"):
        kit_db.execute("SELECT audit.log_root(10)")


@pytest.mark.parametrize(
    "call", ["log_inclusion(5, 5)", "log_inclusion(-1, 5)", "log_consistency(0, 5)", "log_consistency(6, 5)"]
)
def test_what_no_proof_can_show_is_an_error(kit_db: Database, call: str) -> None:
    with pytest.raises(errors.InvalidParameterValue):
        kit_db.execute(f"SELECT audit.{call}")


def test_the_empty_log_has_the_empty_root(kit_db: Database) -> None:
    assert bytes(one(kit_db, "SELECT audit.log_root(0)")) == merkle.EMPTY_ROOT

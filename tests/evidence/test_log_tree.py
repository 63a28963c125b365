"""Proofs that are made without calling the kit's functions, from tiles and from headers."""

from __future__ import annotations

import pytest

from pgaudit_kit import merkle
from pgaudit_kit.db import connect
from pgaudit_kit.errors import Inconclusive
from pgaudit_kit.evidence.log_tree import LogTree
from pgaudit_kit.timeouts import Timeouts
from pgaudit_kit.verify.session import snapshot
from tests.sealing import one
from tests.servers import Database
from tests.signing.test_log_tree import BLOCKS, SIZES, leaves

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

__all__ = ["leaves"]  # a fixture


@pytest.mark.any_server
@pytest.mark.parametrize("tiles", [False, True], ids=["from blocks", "from tiles"])
def test_proofs_are_those_of_the_definition(kit_db: Database, leaves: list[bytes], tiles: bool) -> None:
    while tiles and one(kit_db, "SELECT audit.store_log_tiles(100)"):
        pass
    with connect(kit_db.dsn, timeouts=Timeouts()) as conn, snapshot(conn, "audit") as session:
        for size in SIZES if tiles else [*SIZES[:9], BLOCKS]:
            tree, root = LogTree(session, size), merkle.fold(leaves[:size])
            for index in {0, 1, size // 2, size - 1} - {size}:
                assert merkle.verify_inclusion(leaves[index], index, size, tree.inclusion(index), root)
            for old in {1, size // 3, size - 1, size} - {0}:
                old_root = merkle.fold(leaves[:old])
                assert merkle.verify_consistency(old, size, tree.consistency(old), old_root, root)


@pytest.mark.any_server
def test_a_missing_block_gives_no_proof(kit_db: Database, leaves: list[bytes]) -> None:
    kit_db.execute("DELETE FROM audit.blocks WHERE log_index = 5")
    with (
        connect(kit_db.dsn, timeouts=Timeouts()) as conn,
        snapshot(conn, "audit") as session,
        pytest.raises(Inconclusive, match="lacks 1 of"),
    ):
        LogTree(session, 10).inclusion(3)

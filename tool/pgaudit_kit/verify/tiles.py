"""The tiles that the database keeps of the log's tree: made from the blocks, and wrong where they differ."""

from __future__ import annotations

from pgaudit_kit.merkle import fold
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding
from pgaudit_kit.verify.session import Session
from pgaudit_kit.verify.since import TILE, split

_ALL = 2**62


def check_tiles(session: Session, since: int, findings: Findings) -> None:
    """Compare the tiles from the position `since` of the log on; a wrong one gives proofs that fail.

    Nothing that was recorded depends on them. But the signer asks them for the log's root, and refuses to
    sign where they do not give the one that it signed before.
    """
    first = since // TILE
    wrong = [(0, row.tile_index) for row in session.rows("tile_leaves", {"first": first})]
    level, below = 0, _folded(session, 0, first)
    while below:
        level, first = level + 1, first // TILE
        tiles = session.rows("tiles", {"level": level, "first": first, "end": _ALL})
        for row in tiles:
            expected = [below.get(row.tile_index * TILE + at) for at in range(TILE)]
            if any(one not in (None, node) for one, node in zip(expected, split(row.hashes), strict=True)):
                wrong.append((level, row.tile_index))
        below = {row.tile_index: fold(split(row.hashes)) for row in tiles}
    for level, index in wrong:
        message = (
            f"tile {index} of level {level} of the log's tree is not what the blocks give: no event is"
            " touched, but proofs from it fail and the signer refuses; delete its row, it is made again"
        )
        findings.add(Finding(kind="log-tile", level="checkpoint", message=message))


def _folded(session: Session, level: int, first: int) -> dict[int, bytes]:
    rows = session.rows("tiles", {"level": level, "first": first, "end": _ALL})
    return {row.tile_index: fold(split(row.hashes)) for row in rows}

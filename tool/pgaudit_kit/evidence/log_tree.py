"""Proofs of the log's tree, made from stored tiles and headers: nothing that was installed is called.

A wrong tile gives a proof that proves nothing, and never a false one.
"""

from __future__ import annotations

from collections import OrderedDict

from pgaudit_kit.errors import Inconclusive
from pgaudit_kit.merkle import fold, leaf_hash, node_hash
from pgaudit_kit.verify.session import Session

_TILE = 256
_KEPT = 1024
"""Tiles in memory, some twenty kilobytes each."""


class LogTree:
    """The tree over the first `size` blocks."""

    def __init__(self, session: Session, size: int) -> None:
        """Read nothing yet."""
        self._session, self.size = session, size
        self._tiles: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()

    def inclusion(self, index: int) -> list[bytes]:
        """Audit path of a block, from the leaf upwards (RFC 6962, section 2.1.1)."""
        proof = []
        low, high = 0, self.size
        while high - low > 1:
            split = low + _split(high - low)
            left = index < split
            proof.append(self._subtree(split, high) if left else self._subtree(low, split))
            low, high = (low, split) if left else (split, high)
        return proof[::-1]

    def consistency(self, old_size: int) -> list[bytes]:
        """Proof that the log of `old_size` blocks is the beginning of this one (section 2.1.2)."""
        proof = []
        low, high, whole = 0, self.size, True
        while old_size < high:
            split = low + _split(high - low)
            if old_size <= split:
                proof.append(self._subtree(split, high))
                high = split
            else:
                proof.append(self._subtree(low, split))
                low, whole = split, False
        if not whole:
            proof.append(self._subtree(low, high))
        return proof[::-1]

    def _subtree(self, low: int, high: int) -> bytes:
        leaves = high - low
        if leaves & (leaves - 1):
            split = low + _split(leaves)
            return node_hash(self._subtree(low, split), self._subtree(split, high))
        level = (leaves.bit_length() - 1) // 8
        first, count = low >> 8 * level, leaves >> 8 * level
        nodes = self._tile(level, first // _TILE)
        at = first % _TILE
        return fold(nodes[at : at + count])

    def _tile(self, level: int, index: int) -> list[bytes]:
        """The nodes of one tile, those that are complete within the tree."""
        key = level, index
        if key not in self._tiles:
            self._tiles[key] = self._read(level, index)
            if len(self._tiles) > _KEPT:
                self._tiles.popitem(last=False)
        self._tiles.move_to_end(key)
        return self._tiles[key]

    def _read(self, level: int, index: int) -> list[bytes]:
        first = index * _TILE
        count = min(_TILE, (self.size >> 8 * level) - first)
        stored = self._session.rows("tiles", {"level": level, "first": index, "end": index + 1})
        if stored:
            hashes = bytes(stored[0].hashes)
            return [hashes[at : at + 32] for at in range(0, 32 * count, 32)]
        if level:
            return [fold(self._tile(level - 1, first + at)) for at in range(count)]
        rows = self._session.rows("headers", {"level": -1, "first": first, "end": first + count})
        if len(rows) != count:
            raise Inconclusive(
                f"The log lacks {count - len(rows)} of the blocks {first:,} to {first + count - 1:,}.",
                hint="Run `pgaudit-kit verify --all`: it tells whose they are.",
            )
        return [leaf_hash((row.header or "").encode()) for row in rows]


def _split(leaves: int) -> int:
    """The largest power of two below a number of leaves above one."""
    return 1 << (leaves - 1).bit_length() - 1

"""Write the log's tiles and entries: only what is new, in an order that a crash cannot confuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from pgaudit_kit import merkle
from pgaudit_kit.note import Checkpoint, parse_checkpoint, parse_note
from pgaudit_kit.tlog.errors import TilesMismatch
from pgaudit_kit.tlog.objects import ObjectStore
from pgaudit_kit.tlog.paths import TILE_WIDTH, encode_bundle, entries_path, tile_path

CHECKPOINT = "checkpoint"
"""The one object that changes; written last, so that it never promises what is not there."""

ReadEntries = Callable[[int, int], Iterable[bytes]]
"""The leaf data from one index up to, but not including, another."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What the store holds now."""

    size: int
    root: bytes
    written: int
    """Objects that were not there before."""


def export_tiles(
    store: ObjectStore, size: int, read_entries: ReadEntries, *, note: bytes | None = None
) -> Exported:
    """Bring the store to the log's first `size` leaves; with `note`, publish that checkpoint at the end.

    Full tiles that are there are not read again, but for the last of them and those that the tree's upper
    levels need. What is there already has to be the same: TilesMismatch says where it is not. Raises
    ValueError where the note is not a checkpoint of this size. Memory: 256 entries.
    """
    checkpoint = parse_checkpoint(parse_note(note).text) if note is not None else None
    if checkpoint is not None and checkpoint.size != size:
        raise ValueError(f"the checkpoint is of {checkpoint.size} leaves, not {size}")
    writer = _Writer(store)
    # The last full tile is done again: a crash may have come between it and the tile above it.
    start = max(0, _full_tiles(store, size) - 1)
    writer.resume(start)
    _append(writer, start * TILE_WIDTH, size, read_entries)
    root = writer.finish()
    if checkpoint is not None and note is not None:
        _publish(store, checkpoint, root, note)
    return Exported(size, root, writer.written)


@dataclass(slots=True)
class _Writer:
    """The right edge of the tree: of each level, the hashes of its unfinished tile."""

    store: ObjectStore
    levels: list[list[bytes]] = field(default_factory=list)
    tiles: list[int] = field(default_factory=list)
    """Of each level, the full tiles so far."""
    written: int = 0

    def resume(self, full_tiles: int) -> None:
        """Take up where the log's leaves fill this many tiles, all of which the store holds."""
        below = full_tiles
        self.levels, self.tiles = [[]], [full_tiles]
        while below:
            whole, rest = divmod(below, TILE_WIDTH)
            level = len(self.levels)
            self.levels.append([self._root_of(level - 1, whole * TILE_WIDTH + n) for n in range(rest)])
            self.tiles.append(whole)
            below = whole

    def _root_of(self, level: int, index: int) -> bytes:
        key = tile_path(level, index)
        tile = self.store.read(key)
        if tile is None or len(tile) != TILE_WIDTH * merkle.HASH_SIZE:
            raise TilesMismatch("A tile is missing or has not 256 hashes.", at=self.store.where(key))
        return merkle.fold(split_hashes(tile))

    def bundle(self, entries: list[bytes]) -> None:
        """Append up to 256 entries; fewer only once, at the end."""
        if not self.levels:
            self.levels, self.tiles = [[]], [0]
        self._put(entries_path(self.tiles[0], len(entries)), encode_bundle(entries))
        self.levels[0] = [merkle.leaf_hash(entry) for entry in entries]
        level = 0
        while len(self.levels[level]) == TILE_WIDTH:
            hashes, self.levels[level] = self.levels[level], []
            self._put(tile_path(level, self.tiles[level]), b"".join(hashes))
            self.tiles[level] += 1
            level += 1
            if level == len(self.levels):
                self.levels.append([])
                self.tiles.append(0)
            self.levels[level].append(merkle.fold(hashes))

    def finish(self) -> bytes:
        """Write the partial tiles, and return the root."""
        above: list[bytes] = []
        for level, hashes in enumerate(self.levels):
            if hashes:
                self._put(tile_path(level, self.tiles[level], len(hashes)), b"".join(hashes))
            if nodes := hashes + above:
                # RFC 6962 splits at powers of two: a smaller tree may come after perfect ones of one size
                above = [merkle.fold(nodes)]
        return above[0] if above else merkle.EMPTY_ROOT

    def _put(self, key: str, body: bytes) -> None:
        if self.store.create(key, body):
            self.written += 1
        elif self.store.read(key) != body:
            raise TilesMismatch("The store holds something else than the log.", at=self.store.where(key))


def split_hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + merkle.HASH_SIZE] for at in range(0, len(tile), merkle.HASH_SIZE)]


def _append(writer: _Writer, start: int, size: int, read_entries: ReadEntries) -> None:
    entries = iter(read_entries(start, size))
    for at in range(start, size, TILE_WIDTH):
        wanted = min(TILE_WIDTH, size - at)
        bundle = list(islice(entries, wanted))
        if len(bundle) != wanted:
            raise TilesMismatch(
                f"The log ends at entry {at + len(bundle)}, before {size}.",
                hint="Entries that archives took out of the database have to be read from there.",
            )
        writer.bundle(bundle)


def _full_tiles(store: ObjectStore, size: int) -> int:
    """How many full tiles of leaves the store holds, which were written one after the other."""
    most = size // TILE_WIDTH
    low, high = 0, 1
    while high <= most and store.exists(tile_path(0, high - 1)):
        low, high = high, high * 2
    high = min(high, most + 1)
    while high - low > 1:  # tile low-1 is there, tile high-1 is not
        middle = (low + high) // 2
        low, high = (middle, high) if store.exists(tile_path(0, middle - 1)) else (low, middle)
    return low


def _publish(store: ObjectStore, checkpoint: Checkpoint, root: bytes, note: bytes) -> None:
    if checkpoint.root != root:
        raise TilesMismatch(
            f"The tiles of {checkpoint.size} leaves give the root {root.hex()}, the checkpoint says"
            f" {checkpoint.root.hex()}.",
            at=store.where(CHECKPOINT),
        )
    there = store.read(CHECKPOINT)
    if there == note:
        return
    if there is not None:
        before = parse_checkpoint(parse_note(there).text)
        if before.origin != checkpoint.origin:
            raise TilesMismatch(f"The store holds another log, {before.origin}.", at=store.where(CHECKPOINT))
        if before.size > checkpoint.size:
            raise TilesMismatch(
                f"The store holds a checkpoint of {before.size} leaves, more than {checkpoint.size}.",
                at=store.where(CHECKPOINT),
            )
    store.replace(CHECKPOINT, note)

"""Read exported tiles back, believing nothing but the root that the caller trusts."""

from __future__ import annotations

from collections.abc import Iterator

from pgaudit_kit import merkle
from pgaudit_kit.tlog.errors import TilesMismatch
from pgaudit_kit.tlog.export import split_hashes
from pgaudit_kit.tlog.objects import ObjectStore
from pgaudit_kit.tlog.paths import TILE_WIDTH, decode_bundle, entries_path, tile_path


def read_leaf_hashes(store: ObjectStore, size: int, root: bytes) -> Iterator[bytes]:
    """The hashes of the first `size` leaves.

    Raises TilesMismatch where one is missing, and, after the last, where they do not give this root: what
    was yielded is proved only when the iterator ends. Memory: one tile.
    """
    tree = merkle.Tree()
    for index, width in _tiles(size):
        for leaf in split_hashes(_tile(store, 0, index, width)):
            tree.append_hash(leaf)
            yield leaf
    _check_root(tree, root)


def read_entries(store: ObjectStore, size: int, root: bytes) -> Iterator[bytes]:
    """The leaf data of the first `size` leaves; proved as read_leaf_hashes says."""
    tree = merkle.Tree()
    for index, width in _tiles(size):
        key = entries_path(index, width)
        body = _read(store, key, entries_path(index))
        try:
            entries = _decoded(body, width)
        except TilesMismatch as error:
            raise TilesMismatch(error.message, at=store.where(key)) from None
        for entry in entries:
            tree.append(entry)
            yield entry
    _check_root(tree, root)


def read_tiles(store: ObjectStore, size: int, root: bytes) -> None:
    """Check every tile of every level that a log of this size has, and every entry.

    Raises TilesMismatch with the place of the first that is missing or not what the leaves give.
    """
    levels: list[list[bytes]] = [[]]
    counts = [0]
    entries = read_entries(store, size, root)
    for number, leaf in enumerate(read_leaf_hashes(store, size, root)):
        if merkle.leaf_hash(next(entries)) != leaf:
            key = entries_path(number // TILE_WIDTH)
            raise TilesMismatch(f"Entry {number} is not what its tile says.", at=store.where(key))
        _grow(store, levels, counts, leaf)
    for level, hashes in enumerate(levels):
        if hashes:
            _check_tile(store, level, counts[level], hashes)


def _grow(store: ObjectStore, levels: list[list[bytes]], counts: list[int], leaf: bytes) -> None:
    levels[0].append(leaf)
    level = 0
    while len(levels[level]) == TILE_WIDTH:
        hashes, levels[level] = levels[level], []
        _check_tile(store, level, counts[level], hashes)
        counts[level] += 1
        level += 1
        if level == len(levels):
            levels.append([])
            counts.append(0)
        levels[level].append(merkle.fold(hashes))


def _check_tile(store: ObjectStore, level: int, index: int, hashes: list[bytes]) -> None:
    if level and _tile(store, level, index, len(hashes)) != b"".join(hashes):
        key = tile_path(level, index, len(hashes))
        raise TilesMismatch("A tile is not what those below it give.", at=store.where(key))


def _check_root(tree: merkle.Tree, root: bytes) -> None:
    if tree.root() != root:
        raise TilesMismatch(f"The {tree.size} leaves give the root {tree.root().hex()}, not {root.hex()}.")


def _tiles(size: int) -> Iterator[tuple[int, int]]:
    """Index and width of each tile of leaves."""
    for start in range(0, size, TILE_WIDTH):
        yield start // TILE_WIDTH, min(TILE_WIDTH, size - start)


def _tile(store: ObjectStore, level: int, index: int, width: int) -> bytes:
    key = tile_path(level, index, width)
    body = _read(store, key, tile_path(level, index))
    length = width * merkle.HASH_SIZE
    if len(body) not in (length, TILE_WIDTH * merkle.HASH_SIZE):
        raise TilesMismatch(f"A tile has {len(body)} bytes instead of {length}.", at=store.where(key))
    return body[:length]


def _read(store: ObjectStore, key: str, full: str) -> bytes:
    """An object; in place of a partial one that is gone, the full one that came after it."""
    body = store.read(key)
    if body is None and key != full:
        body = store.read(full)
    if body is None:
        raise TilesMismatch("A file of the exported log is missing.", at=store.where(key))
    return body


def _decoded(body: bytes, width: int) -> list[bytes]:
    """The first `width` entries, of a bundle of as many or of a full one."""
    try:
        return decode_bundle(body, width)
    except TilesMismatch:
        if width == TILE_WIDTH:
            raise
        return decode_bundle(body, TILE_WIDTH)[:width]

"""Names of tiles and bundles, and the bytes of a bundle (c2sp.org/tlog-tiles)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from pgaudit_kit.tlog.errors import TilesMismatch

TILE_WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
MOST_ENTRY_BYTES = 0xFFFF


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where the tile is; `width` below 256 for a partial one."""
    if not 0 <= level <= 63:
        raise ValueError(f"{level} is no level of a log")
    return f"tile/{level}/{_numbered(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Where the bundle of entries is; `width` below 256 for a partial one."""
    return f"tile/entries/{_numbered(index, width)}"


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Each entry behind its length in two bytes; ValueError for an entry that is too long."""
    parts = []
    for entry in entries:
        if len(entry) > MOST_ENTRY_BYTES:
            raise ValueError(f"an entry of {len(entry):,} bytes is longer than a bundle can hold")
        parts += [struct.pack(">H", len(entry)), entry]
    return b"".join(parts)


def decode_bundle(body: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle; TilesMismatch where it does not hold exactly these."""
    entries, at = [], 0
    while at < len(body):
        if at + 2 > len(body):
            raise TilesMismatch("A bundle of entries ends within a length.")
        start, at = at + 2, at + 2 + struct.unpack_from(">H", body, at)[0]
        if at > len(body):
            raise TilesMismatch("A bundle of entries ends within an entry.")
        entries.append(body[start:at])
    if len(entries) != width:
        raise TilesMismatch(f"A bundle holds {len(entries)} entries instead of {width}.")
    return entries


def _numbered(index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= TILE_WIDTH:
        raise ValueError(f"there is no tile {index} of width {width}")
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"

"""The log as files that any reader of c2sp.org/tlog-tiles can check, written and read back.

Pure but for the store it is given: no database, no clock. Source: c2sp.org/tlog-tiles v0.1.0.
"""

from pgaudit_kit.tlog.errors import TilesMismatch
from pgaudit_kit.tlog.export import CHECKPOINT, Exported, export_tiles
from pgaudit_kit.tlog.objects import ObjectStore
from pgaudit_kit.tlog.paths import TILE_WIDTH, decode_bundle, encode_bundle, entries_path, tile_path
from pgaudit_kit.tlog.read import read_entries, read_leaf_hashes, read_tiles

__all__ = [
    "CHECKPOINT",
    "TILE_WIDTH",
    "Exported",
    "ObjectStore",
    "TilesMismatch",
    "decode_bundle",
    "encode_bundle",
    "entries_path",
    "export_tiles",
    "read_entries",
    "read_leaf_hashes",
    "read_tiles",
    "tile_path",
]

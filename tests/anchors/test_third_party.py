"""Another implementation of C2SP reads what we export: aics-tlog, which needs Python 3.12."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgaudit_kit import merkle
from pgaudit_kit.note import COSIGNATURE, Checkpoint, Note, SigningKey, checkpoint_text
from pgaudit_kit.stores import FolderStore
from pgaudit_kit.tlog import export_tiles

aics_tlog = pytest.importorskip("aics_tlog")

KEY = SigningKey.generate("audit.example.com/shop")
WITNESS = SigningKey.generate("witness.example/w1", COSIGNATURE)
SIZES = (1, 255, 256, 300, 70_000)


def entries(start: int, stop: int) -> Iterator[bytes]:
    return (f'{{"v":1,"log_index":{n}}}'.encode() for n in range(start, stop))


def note(size: int) -> bytes:
    text = checkpoint_text(Checkpoint(KEY.name, size, merkle.root(entries(0, size))))
    return Note(text, (KEY.sign(text), WITNESS.cosign(text, 1_800_000_000))).encode()


def test_every_tile_bundle_and_signature_is_accepted(tmp_path: Path) -> None:
    from aics_tlog.checkpoint import checkpoint_from_note, verify_checkpoint
    from aics_tlog.note import parse_vkey
    from aics_tlog.tiles import FileSystemTileReader
    from aics_tlog.verified import audit_tiles

    for size in SIZES:
        export_tiles(FolderStore(tmp_path), size, entries, note=note(size))
    for size in SIZES:
        checkpoint, parsed = checkpoint_from_note(note(size))
        report = audit_tiles(FileSystemTileReader(tmp_path), checkpoint.size, checkpoint.root)
        assert report.size == size and report.bundles == -(-size // 256)
        keys = [parse_vkey(key.verifier.vkey) for key in (KEY, WITNESS)]
        result = verify_checkpoint(parsed, keys[0], witness_keys=keys[1:], quorum=1)
        assert result.ok, result

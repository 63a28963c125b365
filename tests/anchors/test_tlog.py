"""The exported log: to the byte as c2sp.org/tlog-tiles has it, resumable, and checked when read."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import merkle
from pgaudit_kit.note import Checkpoint, Note, SigningKey, checkpoint_text
from pgaudit_kit.stores import FolderStore
from pgaudit_kit.tlog import (
    TilesMismatch,
    decode_bundle,
    encode_bundle,
    entries_path,
    export_tiles,
    read_entries,
    read_leaf_hashes,
    read_tiles,
    tile_path,
)

KEY = SigningKey.generate("example.com/log")
SIZES = (0, 1, 2, 255, 256, 257, 511, 512, 1000)
DEEP = 256 * 256 + 300  # a full tile of the level above the leaves, and more


class Memory:
    """A store in memory; `fails_at` makes the write of that number fail, before or after it is done."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.writes = 0
        self.reads: list[str] = []
        self.fails_at: tuple[int, bool] | None = None

    def where(self, key: str) -> str:
        return f"memory:{key}"

    def read(self, key: str) -> bytes | None:
        self.reads.append(key)
        return self.objects.get(key)

    def exists(self, key: str) -> bool:
        return key in self.objects

    def create(self, key: str, body: bytes) -> bool:
        if key in self.objects:
            return False
        self.replace(key, body)
        return True

    def replace(self, key: str, body: bytes) -> None:
        self.writes += 1
        number, after = self.fails_at or (0, False)
        if self.writes != number or after:
            self.objects[key] = body
        if self.writes == number:
            raise ConnectionError("the crash")


def entry(index: int) -> bytes:
    return f'{{"v":1,"log_index":{index}}}'.encode()


def entries(start: int, stop: int) -> Iterator[bytes]:
    return map(entry, range(start, stop))


def root(size: int) -> bytes:
    return merkle.root(entries(0, size))


def note(size: int, *, value: bytes | None = None, origin: str = KEY.name) -> bytes:
    text = checkpoint_text(Checkpoint(origin, size, value or root(size)))
    return Note(text, (KEY.sign(text),)).encode()


def unpublished(store: Memory) -> dict[str, bytes]:
    return {key: body for key, body in store.objects.items() if ".p/" not in key and key != "checkpoint"}


@pytest.fixture(scope="module")
def deep() -> Memory:
    store = Memory()
    export_tiles(store, DEEP, entries, note=note(DEEP))
    return store


def test_tiles_are_named_as_the_specification_says() -> None:
    assert tile_path(0, 0) == "tile/0/000"
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(2, 999, 17) == "tile/2/999.p/17"
    assert tile_path(1, 1000) == "tile/1/x001/000"
    assert entries_path(1_234_067, 1) == "tile/entries/x001/x234/067.p/1"
    for level, index, width in ((-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)):
        with pytest.raises(ValueError):
            tile_path(level, index, width)


def test_a_log_of_70000_entries_has_the_tiles_of_the_specifications_example() -> None:
    store = Memory()
    export_tiles(store, 70_000, entries)
    full = [key for key in store.objects if key.startswith("tile/0/") and ".p/" not in key]
    assert len(full) == 273
    partial = {key for key in store.objects if ".p/" in key and "entries" not in key}
    assert partial == {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
    assert len(store.objects["tile/1/000"]) == 8192


VECTORS = Path(__file__).parents[1] / "unit" / "vectors" / "tiles.json"
WORDS = b"one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split()


def test_tiles_and_bundles_of_another_implementation_come_out_the_same() -> None:
    known = {path: bytes.fromhex(content) for path, content in json.loads(VECTORS.read_text()).items()}
    assert len(known) == 2 * len(WORDS)
    store = Memory()
    for size in range(1, len(WORDS) + 1):
        export_tiles(store, size, lambda start, stop: iter(WORDS[start:stop]))
    made = {path: body for path, body in store.objects.items() if path.startswith("tile/")}
    assert made == known
    for width in range(1, len(WORDS) + 1):
        assert list(decode_bundle(known[entries_path(0, width)], width)) == WORDS[:width]


@pytest.mark.parametrize("size", SIZES)
def test_the_root_of_the_tiles_is_the_logs_own(size: int) -> None:
    store = Memory()
    assert export_tiles(store, size, entries, note=note(size)).root == root(size)
    assert store.objects["checkpoint"] == note(size)
    read_tiles(store, size, root(size))
    assert list(read_entries(store, size, root(size))) == list(entries(0, size))
    assert list(read_leaf_hashes(store, size, root(size))) == [*map(merkle.leaf_hash, entries(0, size))]


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=6))
def test_growing_step_by_step_gives_what_one_export_gives(sizes: list[int]) -> None:
    grown, at_once = Memory(), Memory()
    for size in sorted(sizes):
        assert export_tiles(grown, size, entries, note=note(size)).root == root(size)
    export_tiles(at_once, max(sizes), entries, note=note(max(sizes)))
    assert at_once.objects.items() <= grown.objects.items()
    assert unpublished(grown) == unpublished(at_once)


def test_exporting_again_writes_nothing_and_reads_little(deep: Memory) -> None:
    before = dict(deep.objects)
    asked: list[int] = []

    def few(start: int, stop: int) -> Iterator[bytes]:
        asked.append(stop - start)
        return entries(start, stop)

    deep.reads.clear()
    assert export_tiles(deep, DEEP, few, note=note(DEEP)).written == 0
    assert deep.objects == before
    assert asked == [256 + DEEP % 256]
    assert len(deep.reads) < 300


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_write_is_made_good_by_the_next_export(after: bool) -> None:
    whole = Memory()
    export_tiles(whole, 700, entries, note=note(700))
    for number in range(1, whole.writes + 1):
        store = Memory()
        store.fails_at = (number, after)
        with pytest.raises(ConnectionError):
            export_tiles(store, 700, entries, note=note(700))
        assert "checkpoint" not in store.objects or number == whole.writes
        export_tiles(store, 700, entries, note=note(700))
        assert store.objects == whole.objects


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_between_a_full_tile_and_the_one_above_it_is_made_good(deep: Memory, after: bool) -> None:
    for number in range(511, 516):  # the 256th bundle, its tile, the tile above, the next bundle
        store = Memory()
        store.fails_at = (number, after)
        with pytest.raises(ConnectionError):
            export_tiles(store, DEEP, entries)
        export_tiles(store, DEEP, entries, note=note(DEEP))
        assert store.objects == deep.objects


def test_the_checkpoint_comes_last() -> None:
    store = Memory()
    export_tiles(store, 300, entries, note=note(300))
    assert list(store.objects)[-1] == "checkpoint"


def test_a_store_that_holds_another_log_is_left_alone() -> None:
    store = Memory()
    export_tiles(store, 300, entries, note=note(300))
    before = dict(store.objects)
    with pytest.raises(TilesMismatch, match="something else") as caught:
        export_tiles(store, 600, lambda start, stop: (b"other" for _ in range(start, stop)))
    assert caught.value.at == "memory:tile/entries/000"
    with pytest.raises(TilesMismatch, match="more than 299"):
        export_tiles(Copy(store), 299, entries, note=note(299))
    with pytest.raises(TilesMismatch, match="holds another log"):
        export_tiles(Copy(store), 300, entries, note=note(300, origin="example.com/other"))
    with pytest.raises(TilesMismatch, match="give the root"):
        export_tiles(Copy(store), 300, entries, note=note(300, value=bytes(32)))
    with pytest.raises(ValueError, match="of 300 leaves, not 301"):
        export_tiles(store, 301, entries, note=note(300))
    assert store.objects == before


class Copy(Memory):
    """What is written here is not written to the original."""

    def __init__(self, original: Memory) -> None:
        super().__init__()
        self.objects = dict(original.objects)


def test_entries_that_are_missing_in_the_log_are_an_error_with_their_number() -> None:
    store = Memory()
    with pytest.raises(TilesMismatch, match="ends at entry 299, before 300"):
        export_tiles(store, 300, lambda start, stop: entries(start, 299))


def test_every_changed_or_missing_file_is_found() -> None:
    store = Memory()
    export_tiles(store, 600, entries)
    for key, body in store.objects.items():
        for changed in (None, body[:-1], body[:-1] + bytes([body[-1] ^ 1]), b""):
            copy = Copy(store)
            if changed is None:
                del copy.objects[key]
            else:
                copy.objects[key] = changed
            with pytest.raises(TilesMismatch):
                read_tiles(copy, 600, root(600))


def test_a_full_tile_stands_in_for_a_partial_one_that_is_gone() -> None:
    store = Memory()
    export_tiles(store, 256 * 3, entries)
    assert list(read_entries(store, 600, root(600))) == list(entries(0, 600))
    assert len(list(read_leaf_hashes(store, 600, root(600)))) == 600


def test_a_bundle_is_read_strictly() -> None:
    assert decode_bundle(encode_bundle([b"", b"a", b"x" * 65_535]), 3) == [b"", b"a", b"x" * 65_535]
    for body in (b"\0", b"\0\2a", b"\0\1ab", struct.pack(">H", 9)):
        with pytest.raises(TilesMismatch):
            decode_bundle(body, 1)
    with pytest.raises(ValueError, match="longer"):
        encode_bundle([b"x" * 65_536])


def test_a_folder_holds_the_log_as_a_web_server_would_serve_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "log")
    export_tiles(store, 300, entries, note=note(300))
    export_tiles(store, 301, entries, note=note(301))
    read_tiles(store, 301, root(301))
    assert (tmp_path / "log" / "checkpoint").read_bytes() == note(301)
    assert (tmp_path / "log/tile/0/001.p/44").exists() and (tmp_path / "log/tile/0/001.p/45").exists()

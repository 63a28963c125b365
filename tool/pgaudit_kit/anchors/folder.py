"""Checkpoints in a folder: `<sha256 of the origin>/checkpoints/<size>`, one file each, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pgaudit_kit.anchor_specs import FolderAnchor
from pgaudit_kit.anchors.errors import failing
from pgaudit_kit.anchors.model import Found, Prove, own_note, problem_of, shelf_name, size_name, size_of
from pgaudit_kit.anchors.shelf import publish
from pgaudit_kit.stores import FolderStore, StoreFailed


class Folder:
    """A folder, best on a share whose files nobody can change."""

    def __init__(self, spec: FolderAnchor) -> None:
        """Take the configuration; the folder is made when first written to."""
        self.name = spec.name
        self._store = FolderStore(Path(spec.path))
        self._shelves: dict[str, FolderShelf] = {}

    def publish(self, note: bytes, prove: Prove) -> bytes:
        """Write the file, unless it is there: see Anchor."""
        _, checkpoint = own_note(note, self.name)
        with failing(self.name):
            shelf = self._shelves.get(checkpoint.origin) or FolderShelf(self._store, checkpoint.origin)
            self._shelves[checkpoint.origin] = shelf
            publish(shelf, note, prove, name=self.name)
        return b""

    def found(self, origin: str) -> Iterator[Found]:
        """Every file in the log's folder, whatever it is."""
        shelf = FolderShelf(self._store, origin)
        with failing(self.name):
            for name in shelf.names():
                yield shelf.found(name)


class FolderShelf:
    """One log's checkpoints in a store of files."""

    def __init__(self, store: FolderStore, origin: str) -> None:
        """Take the store; the folder is listed when first asked for."""
        self._store, self._origin = store, origin
        self._sizes: list[int] | None = None

    def key(self, size: int) -> str:
        """Where a checkpoint of this size is."""
        return f"{shelf_name(self._origin)}/checkpoints/{size_name(size)}"

    def where(self, size: int) -> str:
        """See Shelf."""
        return self._store.where(self.key(size))

    def names(self) -> list[str]:
        """The names of the files there."""
        return self._store.names(f"{shelf_name(self._origin)}/checkpoints")

    def sizes_from(self, size: int) -> list[int]:
        """See Shelf. Lists the folder anew: another signer may have written."""
        self._sizes = [held for held in map(size_of, self.names()) if held is not None]
        return [held for held in self._sizes if held >= size]

    def newest_below(self, size: int) -> int | None:
        """See Shelf."""
        return max((held for held in self._sizes or () if held < size), default=None)

    def read(self, size: int) -> bytes | None:
        """See Shelf."""
        return self._store.read(self.key(size))

    def create(self, size: int, note: bytes) -> bool:
        """See Shelf."""
        return self._store.create(self.key(size), note)

    def found(self, name: str) -> Found:
        """The file of this name, with what is wrong with it."""
        key = f"{shelf_name(self._origin)}/checkpoints/{name}"
        where, at = self._store.where(key), self._store.changed_at(key)
        try:
            note = self._store.read(key)
        except StoreFailed as error:
            return Found(b"", where, at, problem=error.message)
        if note is None:
            return Found(b"", where, at, problem="it is gone while the folder was read")
        size = size_of(name)
        problem = problem_of(note, self._origin, size)
        if problem is None and size is None:
            problem = "its name is not the size of its checkpoint"
        return Found(note, where, at, problem=problem)

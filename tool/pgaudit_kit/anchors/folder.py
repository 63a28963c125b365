"""Checkpoints in a folder: `<sha256 of the origin>/checkpoints/<size>`, one file each, never changed."""

from __future__ import annotations

from bisect import bisect_left, insort
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

    def found(self, origin: str, since: int = 0) -> Iterator[Found]:
        """Every file in the log's folder, whatever it is; see Anchor."""
        shelf = FolderShelf(self._store, origin)
        with failing(self.name):
            for name in shelf.names(since):
                yield shelf.found(name)


class FolderShelf:
    """One log's checkpoints in a store of files."""

    def __init__(self, store: FolderStore, origin: str) -> None:
        """Take the store; the folder is listed when first asked for."""
        self._store, self._origin = store, origin
        self._folder = f"{shelf_name(origin)}/checkpoints"
        self._sizes: list[int] = []
        self._listed_at: int | None = None
        """The folder's time of change when it was listed: years of checkpoints are not listed for each."""

    def key(self, size: int) -> str:
        """Where a checkpoint of this size is."""
        return f"{self._folder}/{size_name(size)}"

    def where(self, size: int) -> str:
        """See Shelf."""
        return self._store.where(self.key(size))

    def names(self, since: int = 0) -> list[str]:
        """The names of the files there; with `since` those of checkpoints from this size on."""
        names = self._store.names(self._folder)
        return [name for name in names if (size_of(name) or 0) >= since] if since else names

    def sizes_from(self, size: int) -> list[int]:
        """See Shelf. Lists the folder anew where another signer has written."""
        changed = self._store.changed_ns(self._folder)
        if changed is None or changed != self._listed_at:
            self._sizes = [held for held in map(size_of, self.names()) if held is not None]
            self._listed_at = changed
        return self._sizes[bisect_left(self._sizes, size) :][:2]

    def newest_below(self, size: int) -> int | None:
        """See Shelf."""
        at = bisect_left(self._sizes, size)
        return self._sizes[at - 1] if at else None

    def read(self, size: int) -> bytes | None:
        """See Shelf."""
        return self._store.read(self.key(size))

    def create(self, size: int, note: bytes) -> bool:
        """See Shelf."""
        created = self._store.create(self.key(size), note)
        if created:
            insort(self._sizes, size)
            self._listed_at = self._store.changed_ns(self._folder)
        return created

    def found(self, name: str) -> Found:
        """The file of this name, with what is wrong with it."""
        key = f"{self._folder}/{name}"
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

"""Checkpoints in a bucket of S3 that locks them: nobody, the account's root included, deletes a version.

A lock keeps versions, not names: whoever may write can put a newer version over an object, or a marker that
hides it. So what counts is the oldest locked version, and others are evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from operator import attrgetter

from pgaudit_kit.anchor_specs import S3Anchor
from pgaudit_kit.anchors.errors import AnchorFailed, failing
from pgaudit_kit.anchors.model import Found, Prove, own_note, problem_of, shelf_name, size_name, size_of
from pgaudit_kit.anchors.shelf import held_text, publish
from pgaudit_kit.stores import PARALLEL, S3Store, Version, open_bucket

BATCH = 256
"""Objects whose answers are waited for together."""


class Bucket:
    """A bucket with Object Lock."""

    def __init__(self, spec: S3Anchor, store: S3Store | None = None) -> None:
        """Take the configuration; asks nothing of the network yet."""
        self.name = spec.name
        if store is None:
            with failing(self.name):
                client = open_bucket(region=spec.region, endpoint=spec.endpoint, timeout_s=spec.timeout_s)
            store = S3Store(client, spec.bucket, spec.prefix, retain=spec.retention, owner=spec.owner)
        self._store = store
        self._shelves: dict[str, _Shelf] = {}
        self._locks = False

    def publish(self, note: bytes, prove: Prove) -> bytes:
        """Put the object, unless it is there: see Anchor."""
        _, checkpoint = own_note(note, self.name)
        with failing(self.name):
            self._check_lock()
            shelf = self._shelves.setdefault(checkpoint.origin, _Shelf(self._store, checkpoint.origin))
            publish(shelf, note, prove, name=self.name)
            shelf.newest = max(shelf.newest or 0, checkpoint.size)
        return b""

    def found(self, origin: str, since: int = 0) -> Iterator[Found]:
        """Every version of every object in the log's folder, and every marker; see Anchor."""
        folder = f"{shelf_name(origin)}/checkpoints/"
        with failing(self.name):
            # all versions of a key come together; a page of markers may come after a page of versions
            every = sorted(self._versions(folder, since), key=attrgetter("key"))
            groups = (list(versions) for _, versions in groupby(every, key=attrgetter("key")))

            def look(versions: list[Version]) -> list[Found]:
                size = size_of(versions[0].key.removeprefix(folder))
                return list(self._found_under(origin, size, versions))

            with ThreadPoolExecutor(PARALLEL) as threads:
                while batch := list(islice(groups, BATCH)):
                    for found in threads.map(look, batch):
                        yield from found

    def _versions(self, folder: str, since: int) -> list[Version]:
        """Every version and marker in the folder, or those of names from a size on, as S3 lists them."""
        if not since:
            return list(self._store.versions(folder))
        before = f"{folder}{size_name(since - 1)}"
        # some makes of S3 begin with the name after the first one behind the marker
        first = self._store.keys_from(before, folder, 1)
        own = (version for key in first for version in self._store.versions(key) if version.key == key)
        return list(dict.fromkeys([*own, *self._store.versions(folder, before)]))

    def _found_under(self, origin: str, size: int | None, versions: list[Version]) -> Iterator[Found]:
        first: str | None = None
        for version, note, problem in _judged(self._store, versions):
            problem = problem_of(note, origin, size) if not version.marker and problem is None else problem
            if problem is None and size is None:
                problem = "its name is not the size of its checkpoint"
            if problem is None:
                first = first or held_text(note)
                if held_text(note) != first:
                    problem = "an older version, locked, is another checkpoint of this size: two histories"
            where = self._store.where(version.key, version.version_id)
            yield Found(note, where, version.written_at, problem=problem)

    def _check_lock(self) -> None:
        if not self._locks and not self._store.has_object_lock():
            raise AnchorFailed(
                f"Anchor {self.name}: the bucket has no Object Lock, so that what it holds can be deleted.",
                at=f"s3://{self._store.bucket}",
                hint="Create a bucket with Object Lock enabled (docs/how-to/anchors.md), and name that one.",
            )
        self._locks = True


class _Shelf:
    """One log's checkpoints in the bucket."""

    def __init__(self, store: S3Store, origin: str) -> None:
        self._store, self._origin = store, origin
        self.newest: int | None = None
        """The newest that this process has published: a bucket lists forwards only."""

    def key(self, size: int) -> str:
        return f"{shelf_name(self._origin)}/checkpoints/{size_name(size)}"

    def where(self, size: int) -> str:
        return self._store.where(self.key(size))

    def sizes_from(self, size: int) -> list[int]:
        folder = f"{shelf_name(self._origin)}/checkpoints/"
        before = self.key(size - 1) if size else folder
        keys = self._store.keys_from(before, folder, 2)
        return [held for key in keys if (held := size_of(key.removeprefix(folder))) is not None]

    def newest_below(self, size: int) -> int | None:
        return self.newest if self.newest is not None and self.newest < size else None

    def read(self, size: int) -> bytes | None:
        """The oldest locked version, whatever is current now."""
        versions = [one for one in self._store.versions(self.key(size)) if one.key == self.key(size)]
        for version, note, problem in _judged(self._store, versions):
            if problem is None and not version.marker:
                return note
        return None

    def create(self, size: int, note: bytes) -> bool:
        return self._store.create(self.key(size), note)


def _judged(store: S3Store, versions: Iterable[Version]) -> Iterator[tuple[Version, bytes, str | None]]:
    """Each version of one object, oldest first, with its bytes and what is wrong with how it is kept."""
    # S3 lists the newest first; of two in one second the later listed is the older
    for version in sorted(reversed(list(versions)), key=attrgetter("written_at")):
        if version.marker:
            yield (
                version,
                b"",
                "a marker hides it: somebody deleted the object; its versions are there",
            )
            continue
        answer = store.read_version(version)
        if answer is None:
            yield version, b"", "the version is gone while the bucket was read"
        elif answer[1] is None:
            yield (
                version,
                answer[0],
                "it is not locked in compliance mode, so that it may have come later",
            )
        else:
            yield version, answer[0], None

"""A folder of files that are written once: whole or not at all, and never again."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pgaudit_kit.stores.errors import StoreFailed

MOST_BYTES = 32 * 1024 * 1024
"""More than the largest bundle of 256 entries; what is longer was not written by the kit."""
TEMPORARY = ".writing-"
"""A crash may leave files of this prefix; they are nobody's, and can be removed."""

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class FolderStore:
    """Objects are files below one folder, which is made when first written to."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; nothing is opened yet."""
        self.folder = folder

    def where(self, key: str) -> str:
        """The file, for people."""
        return str(self._path(key))

    def read(self, key: str) -> bytes | None:
        """The object's bytes; None where there is none."""
        with self._failing(key):
            try:
                # a pipe in the folder must not stop the reader, nor a link lead it elsewhere
                handle = os.open(self._path(key), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            except (FileNotFoundError, NotADirectoryError):
                return None
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise StoreFailed("It is no ordinary file.", at=self.where(key))
                body = file.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise StoreFailed(f"The file is longer than {MOST_BYTES:,} bytes.", at=self.where(key))
        return body

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        with self._failing(key):
            return os.path.lexists(self._path(key))

    def create(self, key: str, body: bytes) -> bool:
        """Write the object where there is none; False where there is one, which stays as it is."""
        path = self._path(key)
        with self._failing(key):
            if os.path.lexists(path):
                return False
            with self._written(path, body) as temporary:
                try:
                    os.link(temporary, path, follow_symlinks=False)  # fails where the name is taken
                except FileExistsError:
                    return False
                except OSError as error:
                    if error.errno in _NO_LINKS:
                        raise StoreFailed(
                            "The folder's file system has no hard links, without which a file could be"
                            " overwritten or left half.",
                            at=str(path.parent),
                            hint="Use a file system that has them, such as ext4, XFS, ZFS or NFS.",
                        ) from None
                    raise
            _sync(path.parent)
            return True

    def replace(self, key: str, body: bytes) -> None:
        """Write the object in place of what is there, in one step."""
        path = self._path(key)
        with self._failing(key):
            with self._written(path, body) as temporary:
                os.replace(temporary, path)
            _sync(path.parent)

    def names(self, prefix: str) -> list[str]:
        """The names of the entries of one folder, sorted; none where it does not exist."""
        with self._failing(prefix):
            try:
                entries = os.listdir(self._path(prefix))
            except (FileNotFoundError, NotADirectoryError):
                return []
        # a dot begins what a crash left, and what file servers add: .snapshot, .nfs0001
        return sorted(name for name in entries if not name.startswith("."))

    def changed_at(self, key: str) -> datetime | None:
        """When the file says that it was written."""
        try:
            return datetime.fromtimestamp(os.lstat(self._path(key)).st_mtime, UTC)
        except (OSError, OverflowError, ValueError):
            return None

    def changed_ns(self, key: str) -> int | None:
        """The time of change as the file system counts it, to tell whether anything changed."""
        try:
            return os.stat(self._path(key)).st_mtime_ns
        except OSError:
            return None

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts or "\0" in key:
            raise ValueError(f"{key!r} leads out of the store")
        return self.folder.joinpath(*parts)

    @contextmanager
    def _written(self, path: Path, body: bytes) -> Iterator[str]:
        """A file that holds the bytes durably, beside where they shall be; it is gone afterwards."""
        _make_folder(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body)
                file.flush()
                os.fchmod(handle, 0o444)
                os.fsync(handle)
            yield temporary
        finally:
            with contextlib.suppress(OSError):  # replace() has moved it; a WORM share may keep it
                os.unlink(temporary)

    @contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreFailed(
                f"The folder cannot be used: {error.strerror or error}.",
                at=str(error.filename or self.where(key)),
                hint="Check that it is mounted, has room, and that this account may create files in it.",
            ) from error


def _make_folder(folder: Path) -> None:
    """Make the folder and those above it, each durably."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems sync no folders
            raise
    finally:
        os.close(handle)

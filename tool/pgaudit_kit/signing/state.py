"""What the signer remembers between two runs: the last thing it signed, and the tree up to there."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pgaudit_kit.anchors.errors import AnchorConflict
from pgaudit_kit.errors import FileError, Refused
from pgaudit_kit.merkle import Tree
from pgaudit_kit.signing.key_file import sync_folder


class SignerBusy(Refused):
    """Another signer of this log is at work."""

    hint = "One is enough: stop the other, or leave signing to it."


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last checkpoint that was signed. `peaks` are the tree's, in hex; `note` is its signed text."""

    version: int = 1
    origin: str
    size: int = 0
    peaks: tuple[str, ...] = ()
    note: str | None = None
    published: bool = True
    """Whether the anchors were asked after it was signed."""
    previous: str | None = None
    """The last note of the log that this one goes on from, after a restoration."""

    def tree(self) -> Tree:
        """The tree of the blocks that were signed."""
        return Tree.from_peaks(self.size, [bytes.fromhex(peak) for peak in self.peaks])


class StateFile:
    """The file, locked while a signer works with it."""

    def __init__(self, path: Path) -> None:
        """Take the path; nothing is read yet."""
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other signer out. SignerBusy where one is in."""
        lock = self.path.with_name(self.path.name + ".lock")
        try:
            descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            raise FileError(f"The signer's state cannot be kept: {error.strerror}.", at=str(lock)) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SignerBusy(at=str(lock)) from None
            yield
        finally:
            os.close(descriptor)

    def read(self) -> State | None:
        """What was remembered; None where nothing was."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(
                f"The signer's state cannot be read: {error.strerror}.", at=str(self.path)
            ) from None
        try:
            state = msgspec.json.decode(data, type=State)
            _ = state.tree()
        except (msgspec.DecodeError, ValueError) as error:
            raise FileError(
                f"The signer's state is damaged: {error}.",
                at=str(self.path),
                hint="Move it away: the signer then goes on from what the database and the anchors hold.",
            ) from None
        return state

    def keep_evidence(self, anchor: str, conflict: AnchorConflict) -> Path:
        """Write what an anchor holds that contradicts this log into a file of its own.

        Once, however often it is met. FileError where it cannot be written.
        """
        words = f"{anchor}: {conflict.message}\n{conflict.at or ''}\n\n".encode() + conflict.other
        which = hashlib.sha256(f"{anchor}\n{conflict.at}\n".encode() + conflict.other).hexdigest()
        name = f"{self.path.name}.conflict-{which[:16]}"
        path = self.path.with_name(name)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(words)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.path.parent)
        except FileExistsError:
            pass
        except OSError as error:
            raise FileError(
                f"The evidence of a fork cannot be kept: {error.strerror}.", at=str(path)
            ) from None
        return path

    def write(self, state: State) -> None:
        """Replace the file in one step, and see it on the disk before going on."""
        temporary = self.path.with_name(self.path.name + ".new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise FileError(
                f"The signer's state cannot be written: {error.strerror}.", at=str(self.path)
            ) from None

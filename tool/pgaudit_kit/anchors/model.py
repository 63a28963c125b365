"""What every anchor offers, and how it reads checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from pgaudit_kit.anchors.errors import AnchorFailed
from pgaudit_kit.note import Checkpoint, Note, NoteMalformed, parse_checkpoint, parse_note

Prove = Callable[[int], list[bytes]]
"""The consistency proof from a tree of so many leaves to that of the checkpoint being published."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that an anchor holds: a checkpoint, or what should be one."""

    note: bytes
    where: str
    at: datetime | None = None
    """When it came there, as far as the anchor itself says so."""
    token: bytes | None = None
    """The answer of an RFC 3161 authority over the note's bytes."""
    problem: str | None = None
    """What is wrong with it, in words; None for a checkpoint of the log where it belongs."""


class Anchor(Protocol):
    """A place outside the database. Signatures of the log itself are the caller's to check."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""

    def publish(self, note: bytes, prove: Prove) -> bytes:
        """Leave the checkpoint there; twice changes nothing.

        Returns cosignature lines for the note, verified, or nothing. Raises AnchorConflict where the anchor
        holds another checkpoint of this size or an inconsistent one, AnchorAhead where it holds a larger
        one, AnchorFailed for everything else.
        """

    def found(self, origin: str, since: int = 0) -> Iterator[Found]:
        """Everything it holds of this log, in no particular order. Raises AnchorFailed.

        With `since`, what has the name of a smaller checkpoint, or of none, may be left out.
        """


def read_note(note: bytes) -> tuple[Note, Checkpoint]:
    """The note and the checkpoint in it; NoteMalformed where it is none."""
    parsed = parse_note(note)
    return parsed, parse_checkpoint(parsed.text)


def own_note(note: bytes, name: str) -> tuple[Note, Checkpoint]:
    """As read_note, for what shall be published."""
    try:
        return read_note(note)
    except NoteMalformed as error:
        raise AnchorFailed(f"Anchor {name}: what shall be published is no checkpoint: {error}.") from error


def problem_of(note: bytes, origin: str, size: int | None) -> str | None:
    """What is wrong with something that should be a checkpoint of this log, and of this size."""
    try:
        _, checkpoint = read_note(note)
    except NoteMalformed as error:
        return f"it is no signed checkpoint: {error}"
    if checkpoint.origin != origin:
        return f"it is a checkpoint of another log, {checkpoint.origin}"
    if size is not None and checkpoint.size != size:
        return f"it is a checkpoint of {checkpoint.size} leaves under the name of {size}"
    return None


def shelf_name(origin: str) -> str:
    """The folder of a log: its origin may hold any character, so that its hash stands for it."""
    return sha256(origin.encode()).hexdigest()


def size_name(size: int) -> str:
    """A checkpoint's name on the shelf; names sort as sizes do."""
    return f"{size:020d}"


def size_of(name: str) -> int | None:
    """The size that a name on the shelf stands for; None where it is no such name."""
    return int(name) if len(name) == 20 and name.isascii() and name.isdigit() else None

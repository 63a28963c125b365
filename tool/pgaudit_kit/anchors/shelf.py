"""A row of checkpoints by size, and the rule by which a new one may stand there."""

from __future__ import annotations

from typing import Protocol

from pgaudit_kit.anchors.errors import AnchorAhead, AnchorConflict, AnchorFailed
from pgaudit_kit.anchors.model import Prove, own_note, problem_of, read_note
from pgaudit_kit.merkle import verify_consistency
from pgaudit_kit.note import Checkpoint, Note, NoteMalformed


class Shelf(Protocol):
    """Checkpoints of one log, each under its size, none ever replaced."""

    def where(self, size: int) -> str:
        """The place of one, for people."""

    def sizes_from(self, size: int) -> list[int]:
        """The sizes held from this one on, smallest first; two of them are enough."""

    def newest_below(self, size: int) -> int | None:
        """The largest size held below this one, where that is known without much reading."""

    def read(self, size: int) -> bytes | None:
        """The checkpoint of this size."""

    def create(self, size: int, note: bytes) -> bool:
        """Put it there; False where one is there already."""


def publish(shelf: Shelf, note: bytes, prove: Prove, *, name: str) -> None:
    """Put the note on the shelf, unless it is there: see Anchor.publish."""
    mine, checkpoint = own_note(note, name)
    held = shelf.sizes_from(checkpoint.size)
    if checkpoint.size not in held:
        if held:
            raise _ahead(shelf, held[0], checkpoint, name)
        _check_before(shelf, checkpoint, prove, name)
        shelf.create(checkpoint.size, note)
    _check_same(shelf, mine, checkpoint, name)


def _check_same(shelf: Shelf, mine: Note, checkpoint: Checkpoint, name: str) -> None:
    """What stands there now has to say the same; its signatures may be others."""
    where = shelf.where(checkpoint.size)
    held = shelf.read(checkpoint.size)
    if held is None:
        raise AnchorConflict(f"Anchor {name}: the checkpoint cannot be read where it was just put.", at=where)
    if held_text(held) != mine.text:
        raise AnchorConflict(
            f"Anchor {name} holds another checkpoint of {checkpoint.size} leaves.", other=held, at=where
        )


def _check_before(shelf: Shelf, checkpoint: Checkpoint, prove: Prove, name: str) -> None:
    size = shelf.newest_below(checkpoint.size)
    if not size:
        return
    held = shelf.read(size)
    try:
        _, before = read_note(held or b"")
    except NoteMalformed as error:
        raise AnchorConflict(
            f"Anchor {name}: what it holds is no checkpoint: {error}.",
            other=held or b"",
            at=shelf.where(size),
        ) from error
    same_log = (before.origin, before.size) == (checkpoint.origin, size)
    proof = prove(size) if same_log else []
    if not verify_consistency(size, checkpoint.size, proof, before.root, checkpoint.root):
        raise AnchorConflict(
            f"Anchor {name} holds a checkpoint of {size} leaves that is no beginning of this log"
            f" of {checkpoint.size}.",
            other=held or b"",
            at=shelf.where(size),
        )


def _ahead(shelf: Shelf, size: int, checkpoint: Checkpoint, name: str) -> AnchorFailed:
    other = shelf.read(size) or b""
    if problem := problem_of(other, checkpoint.origin, size):
        return AnchorConflict(
            f"Anchor {name}: what lies where a larger checkpoint would be is wrong: {problem}.",
            other=other,
            at=shelf.where(size),
        )
    return AnchorAhead(
        f"Anchor {name} holds a checkpoint of {size} leaves, more than this one's {checkpoint.size}.",
        size=size,
        other=other,
        at=shelf.where(size),
    )


def held_text(note: bytes) -> str | None:
    """What a note says, without its signatures; None where it is no checkpoint."""
    try:
        return read_note(note)[0].text
    except NoteMalformed:
        return None

"""The body of add-checkpoint, read strictly. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgaudit_kit.merkle import HASH_SIZE
from pgaudit_kit.note import Checkpoint, Note, NoteMalformed, parse_checkpoint, parse_note
from pgaudit_kit.note.errors import from_base64

MOST_PROOF = 63

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class Malformed(ValueError):
    """The body is not what the specification says."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint, and the proof from the tree of `old` leaves to it."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint


def parse_request(body: bytes) -> AddCheckpoint:
    """Read the body; Malformed for anything that is not exactly one."""
    head, gap, rest = body.partition(b"\n\n")
    if not gap:
        raise Malformed("no empty line parts the proof from the checkpoint")
    try:
        first, *lines = head.decode("ascii").split("\n")
        note = parse_note(rest)
        checkpoint = parse_checkpoint(note.text)
        if len(lines) > MOST_PROOF:
            raise Malformed(f"{len(lines)} lines of proof are more than {MOST_PROOF}")
        proof = tuple(from_base64(line, "a line of the proof") for line in lines)
    except UnicodeDecodeError:
        raise Malformed("the proof is not ASCII") from None
    except NoteMalformed as error:
        raise Malformed(str(error)) from None
    old = _OLD.fullmatch(first)
    if not old or int(old[1]) >= 2**63:
        raise Malformed("the first line is not `old` and a size")
    if any(len(node) != HASH_SIZE for node in proof):
        raise Malformed("a hash of the proof has not 32 bytes")
    return AddCheckpoint(int(old[1]), proof, note, checkpoint)

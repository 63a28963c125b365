"""The checkpoint: origin, size and root hash of a log, as c2sp.org/tlog-checkpoint has it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgaudit_kit.merkle import HASH_SIZE
from pgaudit_kit.note.errors import NoteMalformed, from_base64, to_base64
from pgaudit_kit.note.keys import is_key_name

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's state: `size` leaves, and the RFC 6962 root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """The text that is signed, its last newline included. ValueError where it cannot be one."""
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{to_base64(checkpoint.root)}\n"
    text += "".join(f"{line}\n" for line in checkpoint.extensions)
    if parse_checkpoint(text) != checkpoint:
        raise NoteMalformed("a line of the checkpoint holds a newline")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a note's text as a checkpoint; NoteMalformed where it is none."""
    *lines, rest = text.split("\n")
    if rest or len(lines) < 3:
        raise NoteMalformed("a checkpoint has at least three lines, each with its newline")
    origin, size, root, *extensions = lines
    if not is_key_name(origin):
        raise NoteMalformed("the origin is empty, or has a space or a plus in it")
    if not _SIZE.fullmatch(size) or int(size) >= 2**63:
        raise NoteMalformed(f"{size[:40]!r} is not a number of leaves")
    value = from_base64(root, "the root hash")
    if len(value) != HASH_SIZE:
        raise NoteMalformed(f"the root hash has {len(value)} bytes instead of 32")
    if "" in extensions:
        raise NoteMalformed("an extension line is empty")
    return Checkpoint(origin, int(size), value, tuple(extensions))

"""A small log with a key, and its checkpoints; and a second history of it."""

from __future__ import annotations

import base64
from collections.abc import Callable

from pgaudit_kit import merkle
from pgaudit_kit.note import Checkpoint, Note, SigningKey, checkpoint_text

ORIGIN = "audit.example.com/shop"


class Log:
    """Leaves are numbers; from `fork` on they are others."""

    def __init__(self, origin: str = ORIGIN, fork: int | None = None, key: SigningKey | None = None) -> None:
        self.origin, self.fork = origin, fork
        self.key = key or SigningKey.generate(origin)

    def forked(self, at: int) -> Log:
        """Another history of the same log, signed with the same key."""
        return Log(self.origin, at, self.key)

    def leaves(self, size: int) -> list[bytes]:
        fork = size if self.fork is None else self.fork
        return [merkle.leaf_hash(f"{n}{'!' * (n >= fork)}".encode()) for n in range(size)]

    def root(self, size: int) -> bytes:
        return merkle.fold(self.leaves(size))

    def text(self, size: int, root: bytes | None = None) -> str:
        return checkpoint_text(Checkpoint(self.origin, size, root or self.root(size)))

    def note(self, size: int, root: bytes | None = None) -> bytes:
        text = self.text(size, root)
        return Note(text, (self.key.sign(text),)).encode()

    def prove(self, size: int) -> Callable[[int], list[bytes]]:
        return lambda old: merkle.consistency_proof(self.leaves(size), old)


def body(old: int, note: bytes, proof: list[bytes] | None = None) -> bytes:
    """What add-checkpoint takes."""
    lines = "".join(f"{base64.b64encode(node).decode()}\n" for node in proof or [])
    return f"old {old}\n{lines}\n".encode() + note


def step(log: Log, old: int, size: int) -> bytes:
    """A request that a log makes of its witness."""
    return body(old, log.note(size), log.prove(size)(old) if 0 < old < size else [])


def no_proof(old: int) -> list[bytes]:
    """For a checkpoint that must need none."""
    raise AssertionError(f"a proof from {old} was asked for")

"""A sealed log, a key and a state file; anchors that keep notes in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from pgaudit_kit.db import connect
from pgaudit_kit.errors import KitError
from pgaudit_kit.merkle import verify_consistency
from pgaudit_kit.note import parse_checkpoint, parse_note
from pgaudit_kit.signing import SignedLog, Signer, StateFile, generate_key
from pgaudit_kit.timeouts import Timeouts
from tests.sealing import audited_table, seal, write
from tests.servers import Database

ORIGIN = "audit.example.com/shop"


@dataclass(frozen=True)
class Kept:
    """A note, and where it is."""

    note: bytes
    where: str = "the shelf"


@dataclass
class Shelf:
    """An anchor that refuses what does not go on from what it has, as a witness would."""

    name: str = "shelf"
    notes: list[bytes] = field(default_factory=list)
    failing: bool = False

    def publish(self, note: bytes, prove: Callable[[int], list[bytes]]) -> bytes:
        """Keeps it, where it is consistent with the last one."""
        if self.failing:
            raise KitError("the shelf is out of reach")
        new = parse_checkpoint(parse_note(note).text)
        if self.notes:
            old = parse_checkpoint(parse_note(self.notes[-1]).text)
            if old.size == new.size:
                assert old.root == new.root, "two checkpoints of one size"
                return b""
            assert verify_consistency(old.size, new.size, prove(old.size), old.root, new.root)
        self.notes.append(note)
        return b""

    def found(self, origin: str, since: int = 0) -> Iterator[Kept]:
        """What it has."""
        if self.failing:
            raise KitError("the shelf is out of reach")
        return (Kept(note) for note in self.notes)


@dataclass
class Signing:
    """The database with what signs its log."""

    db: Database
    folder: Path
    shelf: Shelf
    rows: int = 0

    def signer(self, **options: object) -> Signer:
        """A signer, as a new process would make it."""
        values = {
            "log": SignedLog(connect(self.db.dsn, timeouts=Timeouts()), "audit"),
            "key": self.key,
            "file": StateFile(self.folder / "state"),
            "origin": ORIGIN,
            "anchors": [self.shelf],
        } | options
        return Signer(**values)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        self.key = generate_key(self.folder / "log.key", ORIGIN)

    def grow(self, seals: int = 1, conn: psycopg.Connection[tuple[object, ...]] | None = None) -> None:
        """Writes and seals so often; two blocks each."""
        for _ in range(seals):
            self.rows += 1
            write(conn or self.db, self.rows)
            seal(conn or self.db)


@pytest.fixture
def signing(kit_db: Database, tmp_path: Path) -> Signing:
    """A log of a few blocks."""
    audited_table(kit_db, kit_db.dsn)
    made = Signing(kit_db, tmp_path, Shelf())
    made.grow(3)
    return made

"""What the witness has cosigned, in a file of SQLite; one writer at a time, durable before it answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgaudit_kit.errors import KitError

BUSY_S = 20.0
MOST_CONFLICTS = 1_000
"""Kept for each log: a log that signs without end must not fill the disk."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS newest (
    origin text PRIMARY KEY, size integer NOT NULL, root blob NOT NULL, note blob NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cosigned (
    origin text NOT NULL, size integer NOT NULL, root blob NOT NULL, first_at integer NOT NULL,
    PRIMARY KEY (origin, size)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS conflicts (
    origin text NOT NULL, size integer NOT NULL, root blob NOT NULL, note blob NOT NULL,
    seen_at integer NOT NULL, PRIMARY KEY (origin, size, root)
) WITHOUT ROWID;
"""


class LedgerFailed(KitError):
    """The witness's database cannot be used."""

    exit_code = 2
    hint = "Check the path, the room on its disk, and that the file was written by `witness serve`."


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest checkpoint that was cosigned of one log."""

    origin: str
    size: int
    root: bytes
    note: bytes
    """With the log's signatures that were verified, and the witness's own."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A checkpoint, signed by the log, that contradicts one that was cosigned: proof of two histories."""

    origin: str
    size: int
    root: bytes
    note: bytes
    seen_at: int


class Ledger:
    """The file. Each use opens it anew, so that threads share nothing."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. LedgerFailed where it is none."""
        self.path = path
        with self._connected() as conn:
            conn.executescript(_SCHEMA)

    def newest(self, origin: str) -> Seen | None:
        """The newest checkpoint cosigned of this log."""
        with self._connected() as conn:
            return Books(conn).newest(origin)

    def all_newest(self) -> list[Seen]:
        """The newest of every log."""
        with self._connected() as conn:
            rows = conn.execute("SELECT origin, size, root, note FROM newest ORDER BY origin")
            return [Seen(*row) for row in rows]

    def conflicts(self) -> list[Conflict]:
        """Every contradiction that logs have signed."""
        with self._connected() as conn:
            rows = conn.execute(
                "SELECT origin, size, root, note, seen_at FROM conflicts ORDER BY origin, size, seen_at"
            )
            return [Conflict(*row) for row in rows]

    @contextmanager
    def changing(self) -> Iterator[Books]:
        """Read and write as the only one; on disk when the block ends, or nothing is changed."""
        with self._connected() as conn:
            conn.execute("BEGIN IMMEDIATE")  # a writer that reads first must not see what another changes
            try:
                yield Books(conn)
            except BaseException:
                if conn.in_transaction:  # a full disk has ended it already
                    conn.execute("ROLLBACK")
                raise
            conn.execute("COMMIT")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as conn:
                conn.execute("PRAGMA synchronous = EXTRA")  # what was answered outlives a power cut
                yield conn
        except sqlite3.Error as error:
            raise LedgerFailed(f"The witness's database: {error}.", at=str(self.path)) from error


class Books:
    """The tables, within one transaction."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        """Take the connection."""
        self._conn = conn

    def newest(self, origin: str) -> Seen | None:
        """See Ledger."""
        query = "SELECT origin, size, root, note FROM newest WHERE origin = ?"
        row = self._conn.execute(query, [origin]).fetchone()
        return Seen(*row) if row else None

    def root(self, origin: str, size: int) -> bytes | None:
        """What was cosigned of this size."""
        query = "SELECT root FROM cosigned WHERE origin = ? AND size = ?"
        row = self._conn.execute(query, [origin, size]).fetchone()
        return row[0] if row else None

    def cosign(self, seen: Seen, at: int) -> None:
        """Record what is about to be answered. Never two roots of one size, whatever was judged before."""
        if self.root(seen.origin, seen.size) not in (None, seen.root):
            raise sqlite3.IntegrityError("another checkpoint of this size was cosigned")
        self._conn.execute(
            "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [seen.origin, seen.size, seen.root, at],
        )
        self._conn.execute(
            "INSERT OR REPLACE INTO newest VALUES (?, ?, ?, ?)",
            [seen.origin, seen.size, seen.root, seen.note],
        )

    def keep_conflict(self, conflict: Conflict) -> None:
        """Keep the proof, up to a number."""
        query = "SELECT count(*) FROM conflicts WHERE origin = ?"
        if self._conn.execute(query, [conflict.origin]).fetchone()[0] < MOST_CONFLICTS:
            self._conn.execute(
                "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [conflict.origin, conflict.size, conflict.root, conflict.note, conflict.seen_at],
            )

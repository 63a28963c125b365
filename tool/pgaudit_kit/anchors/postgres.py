"""Checkpoints in another PostgreSQL, whose team lets the signer add to a table but change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pgaudit_kit import db, resources
from pgaudit_kit.anchor_specs import PostgresAnchor
from pgaudit_kit.anchors.errors import AnchorFailed, failing
from pgaudit_kit.anchors.model import Found, Prove, own_note, problem_of
from pgaudit_kit.anchors.shelf import publish
from pgaudit_kit.timeouts import Timeouts

_TABLE = "pgaudit_kit_anchor.checkpoints"
_FROM = """
SELECT c.size FROM pgaudit_kit_anchor.checkpoints AS c
WHERE c.origin = %s AND c.size >= %s ORDER BY c.size LIMIT 2
"""
_BELOW = """
SELECT c.size FROM pgaudit_kit_anchor.checkpoints AS c
WHERE c.origin = %s AND c.size < %s ORDER BY c.size DESC LIMIT 1
"""
_READ = "SELECT c.note FROM pgaudit_kit_anchor.checkpoints AS c WHERE c.origin = %s AND c.size = %s"
_CREATE = """
INSERT INTO pgaudit_kit_anchor.checkpoints (origin, size, note) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_ALL = """
SELECT c.size, c.note, c.received_at FROM pgaudit_kit_anchor.checkpoints AS c
WHERE c.origin = %s AND (%s = 0 OR c.size >= %s) ORDER BY c.size
"""
_THERE = "SELECT pg_catalog.to_regclass('pgaudit_kit_anchor.checkpoints') IS NOT NULL"


def setup_sql() -> str:
    """What the other team runs in its database, once; running it again changes nothing."""
    return resources.sql_text("anchor/checkpoints.sql")


class Postgres:
    """Another PostgreSQL. A connection is opened for each call: checkpoints are rare."""

    def __init__(self, spec: PostgresAnchor, timeouts: Timeouts | None = None) -> None:
        """Take the configuration."""
        self.name = spec.name
        self._dsn, self._timeouts = spec.dsn, timeouts or Timeouts()

    def publish(self, note: bytes, prove: Prove) -> bytes:
        """Insert the row, unless it is there: see Anchor."""
        _, checkpoint = own_note(note, self.name)
        with self._connected(read_only=False) as conn:
            publish(_Shelf(conn, checkpoint.origin), note, prove, name=self.name)
        return b""

    def found(self, origin: str, since: int = 0) -> Iterator[Found]:
        """Every row of the log; see Anchor."""
        with self._connected(read_only=True) as conn:
            shelf = _Shelf(conn, origin)
            with conn.transaction(), conn.cursor(name="found") as rows:
                rows.execute(_ALL, [origin, since, since])
                for size, note, received_at in rows:
                    problem = problem_of(note, origin, size)
                    yield Found(note, shelf.where(size), received_at, problem=problem)

    @contextmanager
    def _connected(self, *, read_only: bool) -> Iterator[db.Connection]:
        with failing(self.name), db.translated():
            conn = db.connect(self._dsn, timeouts=self._timeouts, read_only=read_only)
            try:
                there = conn.execute(_THERE).fetchone()
                if there is None or not there[0]:
                    raise AnchorFailed(
                        f"Anchor {self.name}: the database has no table {_TABLE}.",
                        at=db.target_line(conn),
                        hint="Have that database's team run what `pgaudit-kit anchor sql` prints.",
                    )
                yield conn
            finally:
                conn.close()


class _Shelf:
    """One log's rows."""

    def __init__(self, conn: db.Connection, origin: str) -> None:
        self._conn, self._origin = conn, origin

    def where(self, size: int) -> str:
        return f"{db.target_line(self._conn)}: {_TABLE} of size {size}"

    def sizes_from(self, size: int) -> list[int]:
        return [held for (held,) in self._conn.execute(_FROM, [self._origin, size])]

    def newest_below(self, size: int) -> int | None:
        row = self._conn.execute(_BELOW, [self._origin, size]).fetchone()
        return row[0] if row else None

    def read(self, size: int) -> bytes | None:
        row = self._conn.execute(_READ, [self._origin, size]).fetchone()
        return bytes(row[0]) if row else None

    def create(self, size: int, note: bytes) -> bool:
        return self._conn.execute(_CREATE, [self._origin, size, note]).rowcount == 1

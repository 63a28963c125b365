"""One read-only snapshot of the database, in which everything is judged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import namedtuple_row

from pgaudit_kit.db import Connection
from pgaudit_kit.errors import Inconclusive
from pgaudit_kit.render import Templates
from pgaudit_kit.render.templates import Sql

_BATCH = 32
"""Blocks fetched at a time; one holds up to 2.6 MB."""

_SETTINGS = {
    "TimeZone": "UTC",
    # images of rows as the log has them
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "jit": "off",
    "work_mem": "64MB",  # ids and hashes of one chunk of events
    "constraint_exclusion": "off",  # a CHECK on a partition could run somebody's function at planning time
    "parallel_setup_cost": "200",  # hashing costs far more than the planner thinks
    "parallel_tuple_cost": "0.005",
    "min_parallel_table_scan_size": "0",  # a block's hashes lie in TOAST, which the planner does not count
}
_NOT_DATA = ("08", "25", "28", "40", "55", "57")
"""Classes of SQLSTATE: connection, transaction, role, conflict (a standby's recovery), locks, operator."""


class Unreadable(Inconclusive):
    """What the database holds cannot be read."""


class Session:
    """Runs the kit's verifying queries in one snapshot."""

    def __init__(self, conn: Connection, schema: str) -> None:
        """Use a connection inside the transaction that `snapshot` opened."""
        self._conn = conn
        self._templates = Templates(schema)
        self._texts: dict[str, str] = {}

    def rows(
        self, query: str, values: Mapping[str, Any] | None = None, *, hash_join: bool = False
    ) -> list[Any]:
        """All rows of sql/queries/verify_<query>.sql, columns as attributes.

        A name with a slash is that of the file below sql/queries.
        `hash_join` is for questions about many events: the planner cannot know how many ids a
        block holds, and a nested loop over them would be quadratic.
        """
        self._set_hash_join(hash_join)
        with self._conn.cursor(row_factory=namedtuple_row, binary=True) as cursor:
            return cursor.execute(self._text(query), values or {}, prepare=False).fetchall()

    def stream(
        self,
        query: str,
        values: Mapping[str, Any],
        *,
        batch: int = _BATCH,
        hash_join: bool = False,
        parts: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """The rows one after the other, a few at a time in memory; `parts` is SQL for the query."""
        self._set_hash_join(hash_join)
        name = f"pgaudit_kit_{query}"
        with self._conn.cursor(name, row_factory=namedtuple_row, scrollable=False) as cursor:
            cursor.itersize = batch
            yield from cursor.execute(self._text(query, parts), values, binary=True)

    @contextlib.contextmanager
    def readable(self) -> Iterator[None]:
        """Raise Unreadable where the server cannot read or process what is stored; the snapshot stays.

        Ends with a rollback to a savepoint, which gives back the locks on hundreds of partitions.
        """
        try:
            with self._conn.transaction(force_rollback=True):
                yield
        except psycopg.Error as error:
            if not _about_data(error):
                raise
            what = (error.diag.message_primary or str(error)).strip().split("\n")[0]
            raise Unreadable(f"{what} (SQLSTATE {error.sqlstate})") from error

    def _set_hash_join(self, wanted: bool) -> None:
        self._conn.execute(
            "SELECT pg_catalog.set_config('enable_nestloop', %s, true)", ("off" if wanted else "on",)
        )

    def _text(self, query: str, parts: Mapping[str, str] | None = None) -> str:
        file = query if "/" in query else f"verify_{query}"
        if parts:
            return self._templates.render(
                f"queries/{file}.sql", {name: Sql(text) for name, text in parts.items()}
            )
        if query not in self._texts:
            self._texts[query] = self._templates.render(f"queries/{file}.sql")
        return self._texts[query]


@contextlib.contextmanager
def snapshot(conn: Connection, schema: str) -> Iterator[Session]:
    """Open the one transaction: REPEATABLE READ, READ ONLY, so that a standby serves as well."""
    before = conn.isolation_level, conn.read_only
    conn.isolation_level, conn.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with conn.transaction():
            for name, value in _SETTINGS.items():
                conn.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            yield Session(conn, schema)
    finally:
        if not conn.closed:
            conn.isolation_level, conn.read_only = before


def _about_data(error: psycopg.Error) -> bool:
    """Whether the error lies in what is stored (or in its size), and not in the connection or the role."""
    state = error.sqlstate
    return state is not None and state != "42501" and state[:2] not in _NOT_DATA

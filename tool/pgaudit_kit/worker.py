"""The worker: seals what was committed, and keeps the log's partitions ready; one connection, one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import errors, sql

from pgaudit_kit.db import Connection, kit_error
from pgaudit_kit.errors import NotInstalled, ServerUnreachable

SEAL_EVERY_S = 1.0
MAINTAIN_EVERY_S = 60.0
LONGEST_WAIT_S = 30.0

_PASSING = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.QueryCanceled,
    errors.InsufficientResources,  # a full disk, too little memory
    errors.ReadOnlySqlTransaction,  # a standby that will be promoted, or a primary about to step down
)
"""What a later attempt may do without."""
_GONE = (errors.UndefinedFunction, errors.InvalidSchemaName, errors.UndefinedTable)


class Log(Protocol):
    """Where the worker says what it does; structlog's loggers are such."""

    def info(self, event: str, **facts: Any) -> Any:
        """Note what happened."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Note what did not happen."""

    def error(self, event: str, **facts: Any) -> Any:
        """Note what somebody should look at."""


@dataclass(slots=True, kw_only=True)
class Totals:
    """What a worker has done."""

    sealed: int = 0
    partitions_made: int = 0
    rows_moved: int = 0
    reconnects: int = 0


def require_seal(conn: Connection, schema: str) -> None:
    """Raise NotInstalled where there is nothing to call; needs no right but to connect."""
    name = sql.Identifier(schema, "seal").as_string(conn)
    row = conn.execute("SELECT pg_catalog.to_regprocedure(%s) IS NOT NULL", (f"{name}()",)).fetchone()
    if row is None or not row[0]:
        raise NotInstalled(f"The kit is not installed in schema {schema}.")


def seal(conn: Connection, schema: str) -> int:
    """Seal what has been committed; 0 also where another seal is at work."""
    return _call(conn, schema, sql.SQL("seal()"))


def _call(conn: Connection, schema: str, call: sql.SQL) -> int:
    row = conn.execute(sql.SQL("SELECT {}.{}").format(sql.Identifier(schema), call)).fetchone()
    return int(row[0]) if row else 0


class Worker:
    """Seals every `every` seconds until `stop` is set, over new connections where one is lost.

    A second worker does no harm: whoever comes to a seal that is under way leaves it alone.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        schema: str,
        *,
        every: float = SEAL_EVERY_S,
        maintain_every: float | None = MAINTAIN_EVERY_S,
        stop: threading.Event,
        log: Log,
    ) -> None:
        """Prepare; `maintain_every` is None where partitions are none of its business."""
        self._connect, self._schema, self._stop, self._log = connect, schema, stop, log
        self._every, self._maintain_every = every, maintain_every
        self._failures = 0
        self.totals = Totals()

    def run(self) -> Totals:
        """Work until told to stop. Raises where the first connection fails, or the kit is not there."""
        connected = False
        while not self._stop.is_set():
            try:
                with self._connect() as conn:
                    require_seal(conn, self._schema)
                    connected = True
                    self._log.info("working", schema=self._schema, every_s=self._every)
                    self._serve(conn)
            except (psycopg.OperationalError, psycopg.InterfaceError, ServerUnreachable) as error:
                if not connected:
                    raise
                self._wait_after(error)
        return self.totals

    def _wait_after(self, error: Exception) -> None:
        known = kit_error(error) if isinstance(error, psycopg.Error) else error
        wait = min(LONGEST_WAIT_S, 0.5 * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self.totals.reconnects += 1
        self._log.warning("connection lost", error=str(known), again_in_s=wait)
        self._stop.wait(wait)

    def _serve(self, conn: Connection) -> None:
        due = time.monotonic()
        while True:
            begun = time.monotonic()
            self._seal(conn)
            if self._maintain_every is not None and begun >= due:
                self._maintain(conn)
                due = time.monotonic() + (self._maintain_every or 0)
            if self._stop.wait(max(0.0, self._every - (time.monotonic() - begun))):
                return

    def _seal(self, conn: Connection) -> None:
        try:
            sealed = seal(conn, self._schema)
        except _GONE as error:
            raise NotInstalled(f"The kit is no longer installed in schema {self._schema}.") from error
        except _PASSING as error:
            if conn.broken:
                raise
            self._log.warning("not sealed", error=kit_error(error).message)
            return
        self._failures = 0
        self.totals.sealed += sealed
        if sealed:
            self._log.info("sealed", events=sealed)

    def _maintain(self, conn: Connection) -> None:
        """Make partitions, then empty the default ones; each step its own transaction, with seals between."""
        self.totals.partitions_made += self._repeat(conn, sql.SQL("maintain_partitions(p_limit => 1)"))
        if self._maintain_every is not None:
            moved = self._repeat(conn, sql.SQL("move_default_rows()"))
            self.totals.rows_moved += moved
            if moved:
                self._log.info("moved rows out of a default partition", rows=moved)

    def _repeat(self, conn: Connection, call: sql.SQL) -> int:
        """Call until there is nothing left to do; what stands in the way is for the next time."""
        total = 0
        try:
            while not self._stop.is_set() and (count := _call(conn, self._schema, call)):
                total += count
                self._seal(conn)
        except errors.InsufficientPrivilege:
            self._maintain_every = None
            self._log.warning(
                "this role may seal, but not maintain partitions: it does not act for the owner"
            )
        except errors.LockNotAvailable:
            self._log.info("partitions are in use; next time")
        except psycopg.Error as error:
            if conn.broken or conn.closed:
                raise
            self._log.error("partitions could not be maintained", error=kit_error(error).message)
        return total

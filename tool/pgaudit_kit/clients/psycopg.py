"""Who acts, for psycopg 3: connections and asynchronous ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from pgaudit_kit.clients.call import SCHEMA, Call, NoTransaction, call, read, restore
from pgaudit_kit.clients.hlc import Clock

AnyConnection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]


class audit_context:
    """A transaction in which somebody acts: `with` for a Connection, `async with` for an AsyncConnection.

    In a running transaction it is a savepoint, and afterwards the context is again what it was.
    """

    def __init__(
        self, conn: AnyConnection, *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any
    ) -> None:
        """Take the connection and the fields; what set_context does not know becomes `extra`."""
        self._conn, self._schema = conn, schema
        self._call = call(context, schema=schema, clock=clock)
        self._open: Any = None

    def __enter__(self) -> None:
        """Begin."""
        if not isinstance(self._conn, psycopg.Connection):
            raise TypeError("an asynchronous connection needs `async with`")
        self._open = _transaction(self._conn, self._call, self._schema)
        self._open.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Commit, or roll back where the block failed."""
        done: bool | None = self._open.__exit__(kind, error, trace)
        return done

    async def __aenter__(self) -> None:
        """Begin."""
        if not isinstance(self._conn, psycopg.AsyncConnection):
            raise TypeError("a connection that is not asynchronous needs `with`")
        self._open = _async_transaction(self._conn, self._call, self._schema)
        await self._open.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Commit, or roll back where the block failed."""
        done: bool | None = await self._open.__aexit__(kind, error, trace)
        return done


def say(
    conn: psycopg.Connection[Any], *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any
) -> None:
    """Add to what is known of the running transaction, such as the action."""
    _refuse_no_transaction(conn)
    _run(conn, call(context, schema=schema, clock=clock))


async def say_async(
    conn: psycopg.AsyncConnection[Any], *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any
) -> None:
    """The same for an asynchronous connection."""
    _refuse_no_transaction(conn)
    said = call(context, schema=schema, clock=clock)
    await conn.execute(said.text.encode(), said.parameters)


def _refuse_no_transaction(conn: AnyConnection) -> None:
    if conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE:
        raise NoTransaction(NoTransaction.__doc__)


def _run(conn: psycopg.Connection[Any], said: Call) -> Any:
    # a cursor of the kit's own: the connection's row factory may be anything
    cursor = psycopg.Cursor(conn, row_factory=psycopg.rows.tuple_row)
    row = cursor.execute(said.text.encode(), said.parameters).fetchone()
    return row[0] if row else None


@contextmanager
def _transaction(conn: psycopg.Connection[Any], said: Call, schema: str) -> Iterator[None]:
    outermost = conn.info.transaction_status == TransactionStatus.IDLE
    with conn.transaction():
        before = None if outermost else _run(conn, read(schema))
        _run(conn, said)
        yield
        if not outermost:
            _run(conn, restore(before, schema))


async def _run_async(conn: psycopg.AsyncConnection[Any], said: Call) -> Any:
    cursor = psycopg.AsyncCursor(conn, row_factory=psycopg.rows.tuple_row)
    row = await (await cursor.execute(said.text.encode(), said.parameters)).fetchone()
    return row[0] if row else None


@asynccontextmanager
async def _async_transaction(
    conn: psycopg.AsyncConnection[Any], said: Call, schema: str
) -> AsyncIterator[None]:
    outermost = conn.info.transaction_status == TransactionStatus.IDLE
    async with conn.transaction():
        before = None if outermost else await _run_async(conn, read(schema))
        await _run_async(conn, said)
        yield
        if not outermost:
            await _run_async(conn, restore(before, schema))

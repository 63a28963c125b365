"""Who acts, for SQLAlchemy 2: sessions and connections, also asynchronous ones."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, TextClause, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from pgaudit_kit.clients.call import SCHEMA, Call, call, current, read, restore
from pgaudit_kit.clients.hlc import Clock

Sync = Session | Connection
Async = AsyncSession | AsyncConnection


class audit_context:
    """A transaction in which somebody acts: `with`, or `async with` for what is asynchronous.

    In a running transaction it is a savepoint, and afterwards the context is again what it was.
    """

    def __init__(
        self, bind: Sync | Async, *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any
    ) -> None:
        """Take the session or connection and the fields; what set_context does not know becomes `extra`."""
        self._bind, self._schema = bind, schema
        self._call = call(context, schema=schema, clock=clock)
        self._open: Any = None

    def __enter__(self) -> None:
        """Begin."""
        if not isinstance(self._bind, Session | Connection):
            raise TypeError("what is asynchronous needs `async with`")
        self._open = _transaction(self._bind, self._call, self._schema)
        self._open.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Commit, or roll back where the block failed."""
        done: bool | None = self._open.__exit__(kind, error, trace)
        return done

    async def __aenter__(self) -> None:
        """Begin."""
        if not isinstance(self._bind, AsyncSession | AsyncConnection):
            raise TypeError("what is not asynchronous needs `with`")
        self._open = _async_transaction(self._bind, self._call, self._schema)
        await self._open.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Commit, or roll back where the block failed."""
        done: bool | None = await self._open.__aexit__(kind, error, trace)
        return done


def say(bind: Sync, *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any) -> None:
    """Add to what is known of the running transaction, such as the action."""
    if isinstance(bind, Session):
        bind.flush()  # what was changed before belongs to what was said before
    _run(bind, call(context, schema=schema, clock=clock))


async def say_async(bind: Async, *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any) -> None:
    """The same for what is asynchronous."""
    if isinstance(bind, AsyncSession):
        await bind.flush()
    await _run_async(bind, call(context, schema=schema, clock=clock))


def say_at_begin(
    sessions: Any = Session,
    who: Callable[[], Mapping[str, Any]] = current,
    *,
    schema: str = SCHEMA,
    clock: Clock | None = None,
) -> None:
    """Let each transaction of these sessions begin with what `who()` and `session.info["audit"]` say.

    `sessions` is Session, a sessionmaker or a subclass; for AsyncSession give its sync_session_class.
    """

    def begun(session: Session, transaction: Any, connection: Connection) -> None:
        context = {**who(), **session.info.get("audit", {})}
        if context and not transaction.nested and connection.dialect.name == "postgresql":
            _run(connection, call(context, schema=schema, clock=clock))

    event.listen(sessions, "after_begin", begun)


def _statement(said: Call) -> TextClause:
    # a colon in the name of the schema is no parameter
    return text(re.sub(r"%\((\w+)\)s", r":\1", said.text.replace(":", r"\:")))


def _run(bind: Sync, said: Call) -> Any:
    return bind.execute(_statement(said), said.parameters).scalar()


async def _run_async(bind: Async, said: Call) -> Any:
    return (await bind.execute(_statement(said), said.parameters)).scalar()


@contextmanager
def _transaction(bind: Sync, said: Call, schema: str) -> Iterator[None]:
    outermost = not bind.in_transaction()
    with bind.begin() if outermost else bind.begin_nested():
        before = None if outermost else _run(bind, read(schema))
        _run(bind, said)
        yield
        if not outermost:
            if isinstance(bind, Session):
                bind.flush()  # else the unit of work would write under the context that is put back
            _run(bind, restore(before, schema))


@asynccontextmanager
async def _async_transaction(bind: Async, said: Call, schema: str) -> AsyncIterator[None]:
    outermost = not bind.in_transaction()
    async with bind.begin() if outermost else bind.begin_nested():
        before = None if outermost else await _run_async(bind, read(schema))
        await _run_async(bind, said)
        yield
        if not outermost:
            if isinstance(bind, AsyncSession):
                await bind.flush()
            await _run_async(bind, restore(before, schema))

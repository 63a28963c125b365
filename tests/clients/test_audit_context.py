"""The package's helpers for psycopg, SQLAlchemy and Django: who acts, in the transaction and no further."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from pgaudit_kit.clients import psycopg as by_psycopg
from pgaudit_kit.clients import sqlalchemy as by_sqlalchemy
from pgaudit_kit.clients.call import NoTransaction, acting
from pgaudit_kit.clients.hlc import Clock, Moment
from tests.capture.helpers import enable, events, one
from tests.clients.pooler import pgbouncer, pooled
from tests.servers import Database

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

WRITE = "INSERT INTO public.doc (who) VALUES ('{}')"


@pytest.fixture
def doc(kit_db: Database) -> Database:
    """One audited table."""
    kit_db.execute("CREATE TABLE public.doc (id serial PRIMARY KEY, who text)")
    enable(kit_db, "public.doc")
    return kit_db


def told(db: Database) -> list[tuple[str, str | None, str | None]]:
    """Who wrote the row, by the row and by the event, and the event's action."""
    return [(event.new["who"], event.actor_id, event.action) for event in events(db)]


NESTED = [
    ("before", None, None),
    ("ada", "ada", "edit"),
    ("bob", "bob", "edit"),
    ("ada again", "ada", "edit"),
    ("ada said", "ada", "publish"),
    ("after", None, None),
]
"""What each client's story below must give: contexts in contexts, and one that fails."""


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("factory", [None, dict_row])
def test_psycopg(doc: Database, autocommit: bool, factory: Any) -> None:
    options = {"row_factory": factory} if factory else {}
    with psycopg.connect(doc.dsn, autocommit=autocommit, **options) as conn:

        def write(who: str) -> None:
            conn.execute(WRITE.format(who).encode())

        write("before")
        conn.commit()
        with by_psycopg.audit_context(conn, actor_id="ada", action="edit"):
            write("ada")
            with by_psycopg.audit_context(conn, actor_id="bob"):
                write("bob")
            with pytest.raises(ZeroDivisionError), by_psycopg.audit_context(conn, actor_id="eve"):
                write("eve")
                raise ZeroDivisionError
            write("ada again")
            by_psycopg.say(conn, action="publish")
            write("ada said")
        write("after")
    assert told(doc) == NESTED


def test_psycopg_asynchronous(doc: Database) -> None:
    async def story() -> None:
        async with await psycopg.AsyncConnection.connect(doc.dsn, autocommit=True) as conn:
            await conn.execute(WRITE.format("before").encode())
            async with by_psycopg.audit_context(conn, actor_id="ada", action="edit"):
                await conn.execute(WRITE.format("ada").encode())
                async with by_psycopg.audit_context(conn, actor_id="bob"):
                    await conn.execute(WRITE.format("bob").encode())
                with pytest.raises(ZeroDivisionError):
                    async with by_psycopg.audit_context(conn, actor_id="eve"):
                        raise ZeroDivisionError
                await conn.execute(WRITE.format("ada again").encode())
                await by_psycopg.say_async(conn, action="publish")
                await conn.execute(WRITE.format("ada said").encode())
            await conn.execute(WRITE.format("after").encode())

    asyncio.run(story())
    assert told(doc) == NESTED


def test_a_context_that_would_hold_for_nothing_is_an_error(doc: Database) -> None:
    with psycopg.connect(doc.dsn, autocommit=True) as conn, pytest.raises(NoTransaction):
        by_psycopg.say(conn, actor_id="ada")


def test_a_wrong_context_is_an_error_before_anything_is_written(doc: Database) -> None:
    with psycopg.connect(doc.dsn, autocommit=True) as conn:
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            by_psycopg.audit_context(conn, ip="not an address").__enter__()
        with pytest.raises(TypeError, match="needs `with`"):
            asyncio.run(_entered(by_psycopg.audit_context(conn)))
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


async def _entered(context: Any) -> None:
    async with context:
        pass


def roll_back() -> None:
    raise psycopg.Rollback


def test_a_block_that_asks_for_it_is_rolled_back(doc: Database) -> None:
    with psycopg.connect(doc.dsn, autocommit=True) as conn:
        with by_psycopg.audit_context(conn, actor_id="ada"):
            conn.execute(WRITE.format("ada").encode())
            roll_back()
        conn.execute(WRITE.format("nobody").encode())
    assert told(doc) == [("nobody", None, None)]


def test_the_moment_and_the_node_are_in_the_event(doc: Database) -> None:
    clock = Clock("eu-1")
    with psycopg.connect(doc.dsn, autocommit=True) as conn:
        for _ in range(2):
            with by_psycopg.audit_context(conn, clock=clock, actor_id="ada", order=7):
                conn.execute(WRITE.format("ada").encode())
    found = doc.execute(
        "SELECT node_id, context ->> 'hlc', context -> 'order' FROM audit.events"
        " WHERE operation = 'INSERT' ORDER BY event_id"
    ).fetchall()
    assert [(node, order) for node, _, order in found] == [("eu-1", 7)] * 2
    first, second = (Moment.parse(hlc) for _, hlc, _ in found)
    assert first < second < clock.tick()


def url(db: Database) -> sa.URL:
    said = {name: str(value) for name, value in conninfo_to_dict(db.dsn).items()}
    query = {"host": said["host"], "port": said["port"]}
    return sa.URL.create("postgresql+psycopg", username=said["user"], database=said["dbname"], query=query)


@pytest.fixture
def engine(doc: Database) -> Iterator[sa.Engine]:
    made = sa.create_engine(url(doc))
    yield made
    made.dispose()


@pytest.mark.parametrize("kind", [Session, sa.Connection])
def test_sqlalchemy(doc: Database, engine: sa.Engine, kind: type[Any]) -> None:
    with Session(engine) if kind is Session else engine.connect() as bind:

        def write(who: str) -> None:
            bind.execute(sa.text(WRITE.format(who)))

        write("before")
        bind.commit()
        with by_sqlalchemy.audit_context(bind, actor_id="ada", action="edit"):
            write("ada")
            with by_sqlalchemy.audit_context(bind, actor_id="bob"):
                write("bob")
            with pytest.raises(ZeroDivisionError), by_sqlalchemy.audit_context(bind, actor_id="eve"):
                write("eve")
                raise ZeroDivisionError
            write("ada again")
            by_sqlalchemy.say(bind, action="publish")
            write("ada said")
        write("after")
        bind.commit()
    assert told(doc) == NESTED


def test_what_the_unit_of_work_holds_back_is_written_under_its_own_context(
    doc: Database, engine: sa.Engine
) -> None:
    table = sa.Table("doc", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("who"))
    registry = sa.orm.registry()
    row = type("Row", (), {})
    registry.map_imperatively(row, table)

    def made(who: str) -> Any:
        found = row()
        found.who = who
        return found

    with Session(engine) as session, session.begin():
        session.add(made("nobody"))
        with by_sqlalchemy.audit_context(session, actor_id="ada"):
            session.add(made("ada"))
        session.add(made("nobody again"))
        by_sqlalchemy.say(session, actor_id="bob")
        session.add(made("bob"))
    registry.dispose()
    actors = {who: actor for who, actor, _ in told(doc)}
    assert actors == {"nobody": None, "ada": "ada", "nobody again": None, "bob": "bob"}


def asynchronously(db: Database, story: Callable[[AsyncEngine], Awaitable[None]]) -> None:
    async def main() -> None:
        engine = create_async_engine(url(db))
        try:
            await story(engine)
        finally:
            await engine.dispose()

    asyncio.run(main())


def test_sqlalchemy_asynchronous(doc: Database) -> None:
    async def story(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session:

            async def write(who: str) -> None:
                await session.execute(sa.text(WRITE.format(who)))

            await write("before")
            await session.commit()
            async with by_sqlalchemy.audit_context(session, actor_id="ada", action="edit"):
                await write("ada")
                async with by_sqlalchemy.audit_context(session, actor_id="bob"):
                    await write("bob")
                await write("ada again")
                await by_sqlalchemy.say_async(session, action="publish")
                await write("ada said")
            await write("after")
            await session.commit()

    asynchronously(doc, story)
    assert told(doc) == NESTED


def test_each_transaction_of_a_session_begins_with_who_acts(doc: Database, engine: sa.Engine) -> None:
    made = sessionmaker(engine)
    by_sqlalchemy.say_at_begin(made)
    with made(info={"audit": {"action": "import"}}) as session, acting(actor_id="ada"):
        for _ in range(2):
            session.execute(sa.text(WRITE.format("ada")))
            session.commit()
    with made() as session, session.begin():
        session.execute(sa.text(WRITE.format("nobody")))
    with Session(engine) as session, session.begin(), acting(actor_id="not asked"):
        session.execute(sa.text(WRITE.format("another factory")))
    assert told(doc) == [
        ("ada", "ada", "import"), ("ada", "ada", "import"), ("nobody", None, None),
        ("another factory", None, None),
    ]  # fmt: skip


def test_behind_a_pooler_the_next_transaction_begins_without_it(doc: Database) -> None:
    with pgbouncer(doc, default_pool_size="1") as dsn, pooled(dsn) as one_client, pooled(dsn) as other:
        with by_psycopg.audit_context(one_client, actor_id="ada"):
            one_client.execute(WRITE.format("ada").encode())
            pid = one(doc, "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' LIMIT 1")
        other.execute(WRITE.format("nobody").encode())
        (found,) = other.execute("SELECT pg_backend_pid()").fetchone() or (None,)
        assert found == pid, "both clients had the same connection to the server"
    assert told(doc) == [("ada", "ada", None), ("nobody", None, None)]

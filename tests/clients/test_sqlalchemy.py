"""SQLAlchemy's unit of work: each flush's changes, one event each, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from tests.capture.helpers import enable, events
from tests.clients import documented
from tests.clients.models import Author, Base, Book, Edition, Page, Status
from tests.clients.watching import assert_replayed, assert_verified
from tests.servers import Database

TABLES = ("public.author", "public.book", "public.edition", "public.page")
documented.module("SQLAlchemy", "audit_context_of_sessions")


@pytest.fixture
def engine(kit_db: Database) -> Iterator[sa.Engine]:
    """An engine on the shop's database, its tables audited."""
    told = {name: str(value) for name, value in conninfo_to_dict(kit_db.dsn).items()}
    url = sa.URL.create(
        "postgresql+psycopg", username=told["user"], database=told["dbname"],
        query={"host": told["host"], "port": told["port"]},
    )  # fmt: skip
    made = sa.create_engine(url)
    Base.metadata.create_all(made)
    enable(kit_db, *TABLES)
    yield made
    made.dispose()


class Log:
    """What was recorded since it was looked at last."""

    def __init__(self, db: Database) -> None:
        self.db, self.mark = db, 0

    def new(self) -> list[tuple[str, str, str | None, dict[str, Any], dict[str, Any]]]:
        found = events(self.db, self.mark)
        self.mark = max([self.mark, *(event.event_id for event in found)])
        return [
            (event.operation, event.table_name.split(".")[1], event.record_key, event.old, event.new)
            for event in found
        ]

    def words(self) -> list[str]:
        return [f"{operation} {table} {key}" for operation, table, key, _, _ in self.new()]


BOOK = {
    "id": "1", "author_id": "1", "title": "Notes", "status": "draft", "price": "9.50",
    "facts": {"pages": "3"}, "source": '{"isbn": "1"}', "tags": ["a", "b"], "version": "1",
}  # fmt: skip


def test_a_flush_is_recorded_in_its_order(kit_db: Database, engine: sa.Engine) -> None:
    log = Log(kit_db)
    with Session(engine, info={"audit": {"actor_id": "ada", "request_id": "r1"}}) as session:
        book = Book(
            title="Notes", price=Decimal("9.50"), facts={"pages": 3}, source={"isbn": "1"}, tags=["a", "b"],
            editions=[Edition(number=1), Edition(number=2)],
        )  # fmt: skip
        author = Author(name="Ada", books=[book])
        session.add(author)
        session.flush()
        assert log.words() == []  # nobody sees what is not committed
        session.commit()
        inserted = log.new()
        assert [(operation, table, key) for operation, table, key, _, _ in inserted] == [
            ("INSERT", "author", "1"),
            ("INSERT", "book", "1"),
            ("INSERT", "edition", '["1", "1"]'),
            ("INSERT", "edition", '["1", "2"]'),
        ]
        assert inserted[1][4] == BOOK

        assert book.facts == {"pages": 3}  # read before the first change: a later look would flush
        book.title, book.status, book.tags = "Sketches", Status.live, ["a"]
        book.facts = {"pages": 4}
        book.source = {"isbn": "2"}
        session.commit()
        assert log.new() == [
            (
                "UPDATE", "book", "1",
                {**_only(BOOK, "title", "status", "facts", "source", "tags", "version")},
                {
                    "title": "Sketches", "status": "live", "facts": {"pages": "4"},
                    "source": '{"isbn": "2"}', "tags": ["a"], "version": "2",
                },
            )
        ]  # fmt: skip

        book.price = Decimal("9.5")  # is stored as 9.50, which it was
        session.commit()
        assert log.new() == [("UPDATE", "book", "1", {"version": "2"}, {"version": "3"})]

        session.delete(author)
        session.commit()
        assert log.words() == [
            "DELETE book 1", 'DELETE edition ["1", "1"]', 'DELETE edition ["1", "2"]', "DELETE author 1",
        ]  # fmt: skip
    told = {(event.actor_id, event.context.get("request_id")) for event in events(kit_db)}
    assert told == {("ada", "r1")}
    assert_replayed(kit_db, *TABLES)
    assert_verified(kit_db)


def _only(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


def test_orphans_savepoints_and_stale_rows(kit_db: Database, engine: sa.Engine) -> None:
    log = Log(kit_db)
    with Session(engine) as session:
        author = Author(name="Ada", books=[Book(title="one"), Book(title="two")])
        session.add(author)
        session.commit()
        assert log.words() == ["INSERT author 1", "INSERT book 1", "INSERT book 2"]
        author.books.pop(0)
        session.commit()
        assert log.words() == ["DELETE book 1"]
        author.name = "Ada L."
        with session.begin_nested() as savepoint:
            author.books[0].title = "lost"
            session.flush()
            savepoint.rollback()
        author.books[0].title = "kept"
        session.commit()
        assert [(key, new) for _, _, key, _, new in log.new()] == [
            ("1", {"name": "Ada L."}),
            ("2", {"title": "kept", "version": "2"}),
        ]
        author.books[0].title = "newer"
        with Session(engine) as other:
            other.get_one(Book, 2).title = "newest"
            other.commit()
        with pytest.raises(StaleDataError):
            session.commit()
        session.rollback()
        assert log.words() == ["UPDATE book 2"]
    assert_replayed(kit_db, *TABLES)


def test_rows_in_bulk(kit_db: Database, engine: sa.Engine) -> None:
    """insertmanyvalues, ON CONFLICT, UPDATE with RETURNING, keys that change, a server-side cursor."""
    log = Log(kit_db)
    with Session(engine) as session:
        made = session.scalars(
            sa.insert(Author).returning(Author.id, sort_by_parameter_order=True),
            [{"name": f"author {n}"} for n in range(2500)],
        ).all()
        session.commit()
        assert log.words() == [f"INSERT author {number}" for number in made]
        session.add_all(Book(title=f"book {n}", author_id=made[n]) for n in range(3))
        session.flush()
        session.add_all(Edition(book_id=1, number=n) for n in range(3))
        session.flush()
        session.add_all(Page(book_id=1, number=n, words="w") for n in range(3))
        session.commit()
        log.new()

        upsert = insert(Edition).values([{"book_id": 1, "number": n, "printed": n} for n in (1, 5)])
        upsert = upsert.on_conflict_do_update(
            index_elements=["book_id", "number"], set_={"printed": upsert.excluded.printed}
        )
        session.execute(upsert)
        session.execute(sa.update(Book).where(Book.id < 3).values(price=1).returning(Book.id)).all()
        session.execute(sa.update(Author), [{"id": number, "name": "by key"} for number in (1, 3)])
        session.execute(sa.update(Edition).where(Edition.number == 2).values(number=20))
        session.commit()
        assert log.words() == [
            'UPDATE edition ["1", "1"]', 'INSERT edition ["1", "5"]', "UPDATE book 1", "UPDATE book 2",
            "UPDATE author 1", "UPDATE author 3", 'UPDATE edition ["1", "2"]', "UPDATE page 3",
        ]  # fmt: skip

        streamed = session.scalars(sa.select(Author).order_by(Author.id).execution_options(yield_per=100))
        for author in streamed:
            if author.id % 500 == 0:
                session.execute(sa.delete(Author).where(Author.id == author.id))
        session.commit()
        assert log.words() == [f"DELETE author {number}" for number in (500, 1000, 1500, 2000, 2500)]
    assert_replayed(kit_db, *TABLES)
    assert_verified(kit_db)


def test_two_databases_commit_in_two_phases(kit_db: Database, engine: sa.Engine) -> None:
    """Here it is one database twice: two transactions that end together."""
    log = Log(kit_db)
    with engine.connect() as other, Session(engine) as seed:
        seed.add(Author(name="Ada"))
        seed.commit()
        log.new()
        two = sa.create_engine(engine.url)
        with Session(
            binds={Author: engine, Book: two}, twophase=True, info={"audit": {"actor_id": "2pc"}}
        ) as session:
            session.get_one(Author, 1).name = "Ada L."
            session.add(Book(title="one", author_id=1))
            session.prepare()
            waiting = sa.text("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()")
            assert other.scalar(waiting) == 2
            assert log.words() == []
            session.commit()
        two.dispose()
    assert sorted(log.words()) == ["INSERT book 1", "UPDATE author 1"]
    assert {event.actor_id for event in events(kit_db)[1:]} == {"2pc"}
    assert_replayed(kit_db, *TABLES)
    assert_verified(kit_db)

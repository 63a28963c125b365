"""A seeded load of contended transactions, and sealers beside it."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import errors

from tests.servers import Database, connect

LEVELS = (
    psycopg.IsolationLevel.READ_COMMITTED,
    psycopg.IsolationLevel.REPEATABLE_READ,
    psycopg.IsolationLevel.SERIALIZABLE,
)
ROWS = 36
TENANTS = 3
WRITERS = 8


@dataclass
class Commit:
    """What a committed transaction must have left in the log."""

    transaction_id: int
    sent_at: float
    """Clock just before COMMIT was sent: it did not commit earlier."""
    events: int


@dataclass
class Outcome:
    """What a load did, writers' lists together."""

    commits: list[Commit] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    rollbacks: int = 0
    messages: set[str] = field(default_factory=set)

    @property
    def attempts(self) -> int:
        """Transactions that were meant to commit."""
        return len(self.commits) + self.failures.total()

    def rate(self, sqlstate: str) -> float:
        """Share of the attempts that failed so."""
        return self.failures[sqlstate] / max(self.attempts, 1)


def create_rows(conn: psycopg.Connection[Any], table: str) -> None:
    """The rows that the writers contend for; `n` counts the changes of a row."""
    conn.execute(
        f"CREATE TABLE {table} (id integer PRIMARY KEY, tenant text NOT NULL, n integer NOT NULL, who text)"
    )
    conn.execute(
        f"INSERT INTO {table} SELECT i, 't' || i %% {TENANTS}, 0 FROM generate_series(1, %s::int) AS i",
        [ROWS],
    )


def run_load(db: Database, table: str, seconds: float, seed: int) -> Outcome:
    """Eight writers for that long; the same seed gives each writer the same choices."""
    outcome, lock = Outcome(), threading.Lock()
    until = time.monotonic() + seconds

    def writer(number: int) -> None:
        choice = random.Random(f"{seed} {number}")
        with connect(db) as conn:
            conn.autocommit = False
            while time.monotonic() < until:
                conn.isolation_level = LEVELS[choice.randrange(3)]
                try:
                    commit = _transaction(conn, table, number, choice)
                except (errors.SerializationFailure, errors.DeadlockDetected) as error:
                    conn.rollback()
                    with lock:
                        outcome.failures[error.sqlstate or ""] += 1
                        outcome.messages.add(f"{error.diag.message_primary} | {error.diag.context}")
                else:
                    with lock:
                        if commit is None:
                            outcome.rollbacks += 1
                        else:
                            outcome.commits.append(commit)

    _run([partial(writer, number) for number in range(WRITERS)])
    return outcome


def _transaction(
    conn: psycopg.Connection[Any], table: str, writer: int, choice: random.Random
) -> Commit | None:
    written = 0
    conn.execute("SELECT 1")  # begins it: what follows are savepoints
    # Rows are taken in ascending order, so that the load by itself cannot deadlock.
    starts = sorted(choice.sample(range(1, ROWS + 1, 4), choice.randint(1, 4)))
    for first in starts:
        kept = choice.random() < 0.7
        with conn.transaction(force_rollback=not kept):
            count = _statement(conn, table, writer, first, choice)
        written += count if kept else 0
    if choice.random() < 0.15:
        conn.rollback()
        return None
    row = conn.execute("SELECT txid_current()").fetchone()
    sent_at = time.time()
    conn.commit()
    return Commit(row[0] if row else 0, sent_at, written)


def _statement(
    conn: psycopg.Connection[Any], table: str, writer: int, first: int, choice: random.Random
) -> int:
    kind = choice.random()
    if kind < 0.6:
        query = f"UPDATE {table} SET n = n + 1, who = %s WHERE id = %s"
        return conn.execute(query, [str(writer), first]).rowcount
    if kind < 0.85:
        query = (
            f"WITH r AS (SELECT id FROM {table} WHERE id BETWEEN %s AND %s ORDER BY id FOR NO KEY UPDATE)"
            f" UPDATE {table} AS t SET n = t.n + 1, who = %s FROM r WHERE t.id = r.id"
        )
        return conn.execute(query, [first, first + choice.randint(1, 3), str(writer)]).rowcount
    query = f"SELECT sum(n) FROM {table} WHERE tenant = %s"  # what SERIALIZABLE conflicts over
    conn.execute(query, [f"t{choice.randrange(TENANTS)}"])
    query = f"UPDATE {table} SET n = n + 1, who = %s WHERE id = %s"
    return conn.execute(query, [str(writer), first]).rowcount


@contextlib.contextmanager
def sealers(db: Database, count: int = 2, every: float = 0.1) -> Iterator[list[BaseException]]:
    """Sealers at work during the block; the list gets what they failed with."""
    stop, failed = threading.Event(), list[BaseException]()

    def sealer() -> None:
        try:
            with connect(db) as conn:
                while not stop.wait(every):
                    conn.execute("SELECT audit.seal()")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=sealer) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield failed
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _run(works: list[Callable[[], None]]) -> None:
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def run_alone(db: Database, tables: list[str], level: psycopg.IsolationLevel, transactions: int) -> None:
    """A writer for each table, each with rows of its own; no transaction may fail."""

    def writer(table: str) -> None:
        with connect(db) as conn:
            conn.autocommit = False
            conn.isolation_level = level
            for at in range(transactions):
                with conn.transaction():
                    conn.execute(f"UPDATE {table} SET n = n + 1 WHERE id = %s", [at % ROWS + 1])
                    with conn.transaction(force_rollback=at % 3 == 0):
                        conn.execute(f"UPDATE {table} SET n = n + 1 WHERE id <= 2")

    _run([partial(writer, table) for table in tables])

"""The worker: what it seals and moves, and what it does without."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from pgaudit_kit import db as kit_connections
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import NotInstalled, ServerUnreachable
from pgaudit_kit.timeouts import Timeouts
from pgaudit_kit.worker import Worker
from tests.servers import Database, connect


@dataclass
class Said:
    """A log that keeps what was said."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def info(self, event: str, **facts: Any) -> None:
        self.lines.append(("info", event))

    def warning(self, event: str, **facts: Any) -> None:
        self.lines.append(("warning", f"{event} {facts}"))

    def error(self, event: str, **facts: Any) -> None:
        self.lines.append(("error", f"{event} {facts}"))

    def problems(self) -> list[str]:
        return [line for level, line in self.lines if level != "info"]


@dataclass
class Running:
    """A worker in a thread of its own."""

    worker: Worker
    said: Said
    stop: threading.Event
    thread: threading.Thread
    ended_by: list[BaseException]


@contextmanager
def running(dsn: str, **options: Any) -> Iterator[Running]:
    """A worker for the block; its error, if it ended by one, is kept."""
    stop, said, ended_by = threading.Event(), Said(), []

    def open_connection() -> Connection:
        return kit_connections.connect(dsn, timeouts=Timeouts())

    worker = Worker(open_connection, "audit", stop=stop, log=said, **{"every": 0.05, **options})

    def work() -> None:
        try:
            worker.run()
        except BaseException as error:
            ended_by.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield Running(worker, said, stop, thread, ended_by)
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def one(conn: psycopg.Connection[Any], query: str) -> Any:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def write(db: Database) -> None:
    db.execute("SELECT audit.record_control('test', '{}')")


def unsealed(db: Database) -> int:
    count: int = one(
        db,
        "SELECT count(*) FROM audit.change_events AS e"
        " WHERE NOT EXISTS (SELECT FROM audit.blocks AS b WHERE e.event_id = ANY (b.event_ids))",
    )
    return count


def test_it_seals_what_is_committed(kit_db: Database) -> None:
    with running(kit_db.dsn) as worker:
        for _ in range(3):
            write(kit_db)
            wait_until(lambda: unsealed(kit_db) == 0)
    assert worker.ended_by == []
    assert worker.worker.totals.sealed == one(kit_db, "SELECT count(*) FROM audit.change_events")


def test_it_makes_partitions_at_its_start(kit_db: Database) -> None:
    kit_db.execute("UPDATE audit.settings SET value = value || '{\"premake\": 9}' WHERE name = 'partitions'")
    with running(kit_db.dsn) as worker:
        wait_until(lambda: worker.worker.totals.partitions_made == 8)
    assert worker.said.problems() == []


def test_it_empties_the_default_partitions(kit_db: Database) -> None:
    kit_db.execute(
        "INSERT INTO audit.change_events (event_id, occurred_at, transaction_id, operation, tenant_id)"
        " SELECT nextval('audit.event_id_seq'), clock_timestamp() - interval '3 days', txid_current(),"
        " 'C', 'x'"
        " FROM generate_series(1, 3)"
    )
    with running(kit_db.dsn) as worker:
        wait_until(lambda: worker.worker.totals.rows_moved == 3)
        wait_until(lambda: unsealed(kit_db) == 0)
    assert one(kit_db, "SELECT count(*) FROM audit.change_events_default") == 0


def test_two_workers_do_no_harm(kit_db: Database) -> None:
    with running(kit_db.dsn, every=0.01) as first, running(kit_db.dsn, every=0.01) as second:
        for _ in range(10):
            write(kit_db)
        wait_until(lambda: unsealed(kit_db) == 0)
    assert first.ended_by == second.ended_by == []
    assert first.said.problems() == second.said.problems() == []
    total = first.worker.totals.sealed + second.worker.totals.sealed
    assert total == one(kit_db, "SELECT count(*) FROM audit.change_events")


def test_a_lost_connection_is_opened_anew(kit_db: Database) -> None:
    with running(kit_db.dsn) as worker:
        wait_until(lambda: unsealed(kit_db) == 0)
        kit_db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'pgaudit-kit'"
        )
        write(kit_db)
        wait_until(lambda: unsealed(kit_db) == 0)
    assert worker.ended_by == []
    assert worker.worker.totals.reconnects >= 1


def test_while_it_cannot_connect_it_tries_again(kit_db: Database) -> None:
    refusing = threading.Event()
    stop, said = threading.Event(), Said()

    def open_connection() -> Connection:
        if refusing.is_set():
            raise ServerUnreachable
        return kit_connections.connect(kit_db.dsn, timeouts=Timeouts())

    worker = Worker(open_connection, "audit", every=0.05, stop=stop, log=said)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(lambda: worker.totals.sealed > 0)
        refusing.set()
        kit_db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'pgaudit-kit'"
        )
        wait_until(lambda: worker.totals.reconnects >= 2)
        refusing.clear()
        write(kit_db)
        wait_until(lambda: unsealed(kit_db) == 0)
    finally:
        stop.set()
        thread.join(40)
    assert not thread.is_alive()


def test_stopping_does_not_wait_out_the_interval(kit_db: Database) -> None:
    with running(kit_db.dsn, every=600) as worker:
        wait_until(lambda: worker.worker.totals.sealed > 0)
        begun = time.monotonic()
        worker.stop.set()
        worker.thread.join(10)
    assert time.monotonic() - begun < 5


def test_a_sealer_seals_and_leaves_partitions_alone(kit_db: Database) -> None:
    sealer = kit_db.role()
    kit_db.execute(f"GRANT pgaudit_kit_sealer TO {sealer}")
    with running(make_conninfo(kit_db.dsn, user=sealer)) as worker:
        wait_until(lambda: unsealed(kit_db) == 0)
        write(kit_db)
        wait_until(lambda: unsealed(kit_db) == 0)
        wait_until(lambda: bool(worker.said.problems()))
    assert worker.ended_by == []
    assert len(worker.said.problems()) == 1


def test_partitions_in_use_wait_for_the_next_time(kit_db: Database) -> None:
    kit_db.execute("UPDATE audit.settings SET value = value || '{\"premake\": 9}' WHERE name = 'partitions'")
    with connect(kit_db, autocommit=False) as other:
        other.execute("LOCK TABLE ONLY audit.blocks IN SHARE UPDATE EXCLUSIVE MODE")
        with running(kit_db.dsn, maintain_every=0.1) as worker:
            wait_until(lambda: any("in use" in line for _, line in worker.said.lines))
            assert worker.worker.totals.partitions_made == 0
            other.rollback()
            wait_until(lambda: worker.worker.totals.partitions_made == 8)
    assert worker.said.problems() == []


def test_a_partition_that_cannot_be_made_does_not_stop_sealing(kit_db: Database) -> None:
    kit_db.execute("UPDATE audit.settings SET value = value || '{\"premake\": 9}' WHERE name = 'partitions'")
    kit_db.execute(
        "DO $$ BEGIN EXECUTE format('CREATE TABLE audit.blocks_p%s ()',"
        " to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '8 days', 'YYYYMMDD')); END $$"
    )
    with running(kit_db.dsn) as worker:
        wait_until(lambda: bool(worker.said.problems()))
        write(kit_db)
        wait_until(lambda: unsealed(kit_db) == 0)
    assert "already exists" in worker.said.problems()[0]


def test_where_the_kit_is_taken_away_it_ends(kit_db: Database) -> None:
    with running(kit_db.dsn) as worker:
        wait_until(lambda: worker.worker.totals.sealed > 0)
        kit_db.execute("DROP FUNCTION audit.seal() CASCADE")
        worker.thread.join(20)
    assert isinstance(worker.ended_by[0], NotInstalled)


def test_where_the_kit_is_not_it_does_not_begin(db: Database) -> None:
    with running(db.dsn) as worker:
        worker.thread.join(20)
    assert isinstance(worker.ended_by[0], NotInstalled)


def test_a_role_that_may_not_seal_ends_it(kit_db: Database) -> None:
    with running(make_conninfo(kit_db.dsn, user=kit_db.role())) as worker:
        worker.thread.join(20)
    assert isinstance(worker.ended_by[0], psycopg.errors.InsufficientPrivilege)


def test_a_read_only_server_is_waited_for(kit_db: Database) -> None:
    kit_db.execute(f'ALTER DATABASE "{kit_db.name}" SET default_transaction_read_only = on')
    with running(kit_db.dsn) as worker:
        wait_until(lambda: len(worker.said.problems()) >= 2)
    assert worker.ended_by == []

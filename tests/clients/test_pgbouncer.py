"""PgBouncer in transaction mode: many clients on few connections, and nobody gets another's context."""

from __future__ import annotations

import random
import threading
from collections import Counter

import psycopg
import pytest

from pgaudit_kit import db
from pgaudit_kit.errors import KitError
from pgaudit_kit.timeouts import Timeouts
from tests.capture.helpers import enable, events, one
from tests.clients.pooler import backends, pgbouncer, pooled, version
from tests.clients.watching import assert_replayed, assert_verified, program, worker
from tests.kit import Kit, run
from tests.servers import Database

CLIENTS, EACH = 12, 250


@pytest.fixture
def doc(kit_db: Database) -> Database:
    """One audited table; each client has a row of its own."""
    kit_db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, who text)")
    kit_db.execute("INSERT INTO public.doc SELECT i FROM generate_series(0, 99) AS i")
    enable(kit_db, "public.doc", "--baseline")
    return kit_db


class Client:
    """One client's transactions: with a context, with none, rolled back, failed, in savepoints."""

    def __init__(self, dsn: str, number: int) -> None:
        self.dsn, self.name, self.number = dsn, f"client {number}", number
        self.choice = random.Random(number)
        self.done = Counter[str | None]()
        """Committed changes by the actor who must stand in the event."""

    def work(self, conn: psycopg.Connection[tuple[object, ...]]) -> None:
        kind = self.choice.randrange(6)
        if kind == 0:  # in no block, without a context
            self.write(conn, "nobody")
            self.done[None] += 1
        elif kind == 1:
            with conn.transaction(force_rollback=True):
                self.say(conn)
                self.write(conn, "rolled back")
        elif kind == 2:
            with pytest.raises(psycopg.errors.DivisionByZero), conn.transaction():
                self.say(conn)
                conn.execute("SELECT 1 / 0")
        elif kind == 3:
            with conn.transaction():
                self.write(conn, "nobody")
                with conn.transaction(force_rollback=True):
                    self.say(conn)
                self.write(conn, "nobody")
            self.done[None] += 2
        else:
            with conn.transaction():
                self.say(conn)
                self.write(conn, self.name)
            self.done[self.name] += 1

    def say(self, conn: psycopg.Connection[tuple[object, ...]]) -> None:
        conn.execute("SELECT audit.set_context(actor_id => %s, tenant_id => %s)", [self.name, self.name])

    def write(self, conn: psycopg.Connection[tuple[object, ...]], who: str) -> None:
        conn.execute("UPDATE public.doc SET n = n + 1, who = %s WHERE id = %s", [who, self.number])

    def run(self) -> None:
        with pooled(self.dsn) as conn:
            for _ in range(EACH):
                self.work(conn)


def together(clients: list[Client]) -> None:
    failed: list[BaseException] = []

    def guarded(client: Client) -> None:
        try:
            client.run()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_no_context_is_on_another_clients_transaction(doc: Database) -> None:
    with pgbouncer(doc, default_pool_size="3") as dsn:
        clients = [Client(dsn, number) for number in range(CLIENTS)]
        before = backends(doc)
        with worker(doc.dsn):
            together(clients)
        assert backends(doc) - before <= 3, "clients share connections"
    expected = Counter[tuple[str, str | None]]()
    for client in clients:
        for actor, number in client.done.items():
            expected[str(client.number), actor] += number
    found = [event for event in events(doc) if event.operation == "UPDATE"]
    assert Counter((str(event.record_key), event.actor_id) for event in found) == expected
    assert_replayed(doc, "public.doc")
    assert_verified(doc)


def test_pgbench_through_the_pooler(doc: Database) -> None:
    """Prepared statements only where PgBouncer follows them, from 1.21 on."""
    followed = version() >= (1, 21)
    settings = {"max_prepared_statements": "100"} if followed else {}
    program(doc, "pgbench", "-i", "-q", doc.dsn)
    Kit(doc.dsn)("enable", *[f"public.pgbench_{name}" for name in ("accounts", "branches", "tellers")])
    with pgbouncer(doc, **settings) as dsn:
        protocol = "prepared" if followed else "extended"
        program(doc, "pgbench", "-n", "-c", "8", "-j", "2", "-t", "40", "-M", protocol, dsn)
    changed = one(doc, "SELECT count(*)::int FROM pgbench_history WHERE delta <> 0")
    told = Counter(event.table_name for event in events(doc) if event.operation == "UPDATE")
    assert set(told.values()) == {changed}
    assert len(told) == 3
    assert_verified(doc)


def test_the_kit_leaves_shared_sessions_as_they_are(doc: Database) -> None:
    """What it sets in its session would otherwise stand in the application's transactions."""
    with pgbouncer(doc) as dsn, pooled(dsn) as conn:
        path = one(doc, "SHOW search_path")
        commands = "status", "doctor", "plan", "seal", "run", "verify --all", "apply --yes"
        for command in commands:
            answer = run("--dsn", dsn, *command.split())
            assert (answer.code, "error[shared-connection]" in answer.err) == (3, True), answer.err
        found = conn.execute(
            "SELECT current_setting('search_path'), current_setting('transaction_read_only')"
        )
        assert found.fetchone() == (path, "off")
        conn.execute("UPDATE doc SET n = 1 WHERE id = 1")


def test_a_busy_pool_is_known_too(doc: Database) -> None:
    """Its sessions change from one query to the next."""
    with pgbouncer(doc, server_round_robin="1") as dsn:
        clients = [Client(dsn, number) for number in range(3)]
        answers: list[str] = []
        connecting = threading.Thread(target=lambda: answers.extend(_errors(dsn, 5)))
        connecting.start()
        together(clients)
        connecting.join()
    assert answers == ["shared-connection"] * 5


def _errors(dsn: str, times: int) -> list[str]:
    found = []
    for _ in range(times):
        with pytest.raises(KitError) as caught:
            db.connect(dsn, timeouts=Timeouts()).close()
        found.append(caught.value.id)
    return found


@pytest.mark.parametrize("size", ["4", "1"])
def test_a_pool_in_session_mode_serves_the_kit(
    doc: Database, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    """Also where the pool has one session alone, for which the kit's second look does not wait."""
    monkeypatch.setattr(db, "SHARING_WAIT_S", 0.5)
    doc.execute("UPDATE public.doc SET n = 1 WHERE id = 1")
    with pgbouncer(doc, pool_mode="session", default_pool_size=size) as dsn:
        for command in ("seal", "status", "doctor", "plan", "verify --all"):
            answer = run("--dsn", dsn, *command.split())
            assert answer.code == 0, answer.err + answer.out
        with pooled(dsn) as conn:
            conn.execute("UPDATE doc SET n = 2 WHERE id = 1")

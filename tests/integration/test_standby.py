"""Commands on a standby, and a worker whose server is restarted or promoted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from pgaudit_kit import db as kit_connections
from pgaudit_kit.server.cluster import Cluster
from pgaudit_kit.timeouts import Timeouts
from pgaudit_kit.worker import Worker
from tests.integration.test_worker import Said
from tests.kit import Kit
from tests.restore.clusters import Place, connected, place
from tests.servers import find_servers

BINARIES = find_servers().binaries


@dataclass
class Pair:
    """A primary with the kit, and a physical copy of it that follows."""

    place: Place
    primary: Cluster
    standby: Cluster


@pytest.fixture(scope="module", params=[pytest.param(name) for name in BINARIES])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Both clusters; the primary is stopped."""
    with place(BINARIES[request.param]) as room:
        primary = room.initialize("primary")
        with room.running(primary):
            kit = Kit(primary.dsn())
            kit("install", "--yes")
            with connected(primary) as conn:
                conn.execute("CREATE TABLE public.doc (id int PRIMARY KEY)")
                conn.execute("CREATE ROLE member LOGIN IN ROLE pgaudit_kit_owner")
                kit("enable", "public.doc")
                conn.execute("SELECT audit.seal()")
                conn.execute("INSERT INTO public.doc VALUES (1)")
            standby = room.standby(primary, "standby")
        yield Pair(room, primary, standby)


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@pytest.mark.parametrize("user", ["postgres", "member"])
def test_status_and_doctor_answer_on_a_standby(pair: Pair, user: str) -> None:
    with pair.place.running(pair.standby):
        kit = Kit(pair.standby.dsn(user=user))
        status = kit("status", "--json").json
        assert status["sealing"]["unsealed"] == 1
        assert status["drift"] == {"changes": 0, "error": None}
        assert status["tables"][0]["events_today"] == 1
        answer = kit("doctor", "--json").json
        assert answer["summary"]["fail"] == 0
        server = next(check for check in answer["checks"] if check["name"] == "server")
        assert "standby" in server["findings"][0]["message"]


def test_a_worker_outlives_a_restart(pair: Pair) -> None:
    stop, said = threading.Event(), Said()
    worker = Worker(
        lambda: kit_connections.connect(pair.primary.dsn(), timeouts=Timeouts()),
        "audit",
        every=0.1,
        stop=stop,
        log=said,
    )
    thread = threading.Thread(target=worker.run)
    try:
        with pair.place.running(pair.primary):
            thread.start()
            wait_until(lambda: worker.totals.sealed > 0)
        wait_until(lambda: worker.totals.reconnects > 0)
        before = worker.totals.sealed
        with pair.place.running(pair.primary):
            with connected(pair.primary) as conn:
                conn.execute("INSERT INTO public.doc VALUES (2)")
            wait_until(lambda: worker.totals.sealed == before + 1)
            stop.set()
            thread.join(40)
            assert not thread.is_alive()
    finally:
        stop.set()


def test_a_worker_on_a_standby_begins_when_it_is_promoted(pair: Pair) -> None:
    stop, said = threading.Event(), Said()
    with pair.place.running(pair.standby):
        worker = Worker(
            lambda: kit_connections.connect(pair.standby.dsn(), timeouts=Timeouts()),
            "audit",
            every=0.1,
            stop=stop,
            log=said,
        )
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            wait_until(lambda: bool(said.problems()))
            with psycopg.connect(pair.standby.dsn(), autocommit=True) as conn:
                conn.execute("SELECT pg_promote()")
            wait_until(lambda: worker.totals.sealed > 0)
        finally:
            stop.set()
            thread.join(40)
    assert not thread.is_alive()

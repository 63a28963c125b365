"""The witness over HTTP: bounded, without tracebacks, and one history whatever comes at once."""

from __future__ import annotations

import http.client
import random
import socket
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgaudit_kit.note import COSIGNATURE, Note, SigningKey, open_note, parse_signatures
from pgaudit_kit.witness import Ledger, Witness, WitnessServer
from tests.anchors.logs import ORIGIN, Log, step

KEY = SigningKey.generate("witness.example/w1", COSIGNATURE)
LOG = Log()


class Running:
    """A witness behind HTTP, and what it says."""

    def __init__(self, witness: Witness) -> None:
        self.said: list[dict[str, Any]] = []
        self.server = WitnessServer(
            "127.0.0.1", 0, witness, lambda event, **facts: self.said.append(facts | {"event": event})
        )
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def ask(
        self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, bytes]:
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            conn.request(method, path, data, headers or {})
            answer = conn.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            conn.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    witness = Witness(KEY, [LOG.key.verifier], Ledger(tmp_path / "witness.db"), lambda: 1_800_000_000)
    made = Running(witness)
    made.thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def test_the_two_addresses_answer_and_nothing_else_does(running: Running) -> None:
    name = sha256(ORIGIN.encode()).hexdigest()
    assert running.ask("GET", f"/{name}/checkpoint")[0] == 404
    status, _, cosignature = running.ask("POST", "/add-checkpoint", step(LOG, 0, 5))
    assert status == 200 and cosignature.startswith("\u2014 witness.example/w1 ".encode())
    assert running.ask("POST", "/add-checkpoint", step(LOG, 0, 5)) == (409, "text/x.tlog.size", b"5\n")
    assert running.ask("GET", f"/{name}/checkpoint")[2].startswith(LOG.text(5).encode())
    for path in ("/", "/add-checkpoint", f"/{name.upper()}/checkpoint", f"/x/{name}/checkpoint", "/../etc"):
        assert running.ask("GET", path)[0] == 404, path
    for path in ("/", f"/{name}/checkpoint", "/add-checkpoint/"):
        assert running.ask("POST", path, b"x")[0] == 404, path
    assert running.ask("PUT", "/add-checkpoint", b"x")[0] == 501


def test_bodies_are_bounded_and_their_length_is_asked_for(running: Running) -> None:
    assert running.ask("POST", "/add-checkpoint", b"x" * 65_537)[0] == 413
    assert running.ask("POST", "/add-checkpoint", headers={"Content-Length": "9" * 30})[0] == 400
    assert running.ask("POST", "/add-checkpoint", headers={"Content-Length": "-1"})[0] == 400
    assert running.ask("POST", "/add-checkpoint", headers={"Transfer-Encoding": "chunked"})[0] == 411


def test_several_requests_come_over_one_connection(running: Running) -> None:
    conn = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    statuses = []
    for old, size in ((0, 5), (5, 6), (5, 7), (6, 7)):
        conn.request("POST", "/add-checkpoint", step(LOG, old, size))
        answer = conn.getresponse()
        answer.read()
        statuses.append(answer.status)
    conn.close()
    assert statuses == [200, 200, 409, 200]


def test_a_client_that_breaks_off_stops_nobody(running: Running) -> None:
    for data in (
        b"",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold 0",
        b"\x16\x03\x01garbage\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", running.port)) as conn:
            conn.sendall(data)
    assert running.ask("POST", "/add-checkpoint", step(LOG, 0, 5))[0] == 200


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400))
def test_malformed_bodies_get_400_over_http_and_never_a_traceback(
    running: Running, capfd: Any, data: bytes
) -> None:
    status, content_type, words = running.ask("POST", "/add-checkpoint", data)
    assert (status, content_type) == (400, "text/plain; charset=utf-8")
    assert b"Traceback" not in words
    assert not [one for one in running.said if one["event"] == "failed"]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("seed", range(3))
def test_at_once_no_two_checkpoints_of_one_size_are_cosigned(running: Running, seed: int) -> None:
    """Twelve clients in three histories of one log, each going on from whatever the witness says it knows."""
    histories = [LOG, LOG.forked(1), LOG.forked(2)]
    cosigned: list[tuple[int, str, bytes]] = []
    odd: list[tuple[int, bytes]] = []
    start = threading.Barrier(12)

    def push(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        log, old = histories[number % 3], 0
        start.wait()
        for _ in range(12):
            size = old + chance.randrange(3)
            status, _, answer = running.ask("POST", "/add-checkpoint", step(log, old, size))
            if status == 200:
                cosigned.append((size, log.text(size), answer))
                old = size
            elif status == 409:
                old = int(answer)
            elif status != 422:
                odd.append((status, answer))

    threads = [threading.Thread(target=push, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert odd == []
    texts: dict[int, set[str]] = {}
    for size, text, answer in cosigned:
        note = Note(text, parse_signatures(answer.decode()))
        assert open_note(note.encode(), [KEY.verifier])
        texts.setdefault(size, set()).add(text)
    assert cosigned and all(len(found) == 1 for found in texts.values())
    winners = [log for log in histories if all(log.text(size) in found for size, found in texts.items())]
    assert winners, "what was cosigned is not one history"
    assert running.server.witness.checkpoint(sha256(ORIGIN.encode()).hexdigest()).body.startswith(
        winners[0].text(max(texts)).encode()
    )

"""Asking a witness: ours, and ones that answer anything at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pgaudit_kit.anchor_specs import WitnessAnchor
from pgaudit_kit.anchors import Anchor, AnchorAhead, AnchorConflict, AnchorFailed, open_anchor
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.note import (
    COSIGNATURE,
    Note,
    SigningKey,
    cosigned_at,
    open_note,
    parse_note,
    parse_signatures,
)
from pgaudit_kit.witness import Ledger, Witness, WitnessServer
from tests.anchors.logs import ORIGIN, Log, no_proof
from tests.anchors.places import Answer, http_server

LOG = Log()
KEY = SigningKey.generate("witness.example/w1", COSIGNATURE)
NOW = 1_800_000_000


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Our own witness, which knows our log."""
    witness = Witness(KEY, [LOG.key.verifier], Ledger(tmp_path / "w.db"), lambda: NOW)
    with WitnessServer("127.0.0.1", 0, witness, lambda event, **facts: None) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def client(url: str, key: SigningKey = KEY, **options: Any) -> Anchor:
    return open_anchor(WitnessAnchor(name="w1", url=url, vkey=key.verifier.vkey, **options))


def cosigned(note: bytes, lines: bytes) -> bytes:
    """The note with what the witness answered, as a signer would go on."""
    return parse_note(note).with_signatures(parse_signatures(lines.decode())).encode()


def test_a_cosignature_comes_back_that_belongs_to_the_note(url: str) -> None:
    anchor = client(url)
    for size in (3, 8, 8, 20):
        note = cosigned(LOG.note(size), anchor.publish(LOG.note(size), LOG.prove(size)))
        assert open_note(note, [LOG.key.verifier, KEY.verifier]) == [LOG.key.verifier, KEY.verifier]
        assert cosigned_at(parse_note(note).signatures[-1]) == NOW


def test_a_process_that_knows_nothing_asks_for_the_size_and_goes_on(url: str) -> None:
    client(url).publish(LOG.note(3), no_proof)
    asked: list[int] = []

    def prove(old: int) -> list[bytes]:
        asked.append(old)
        return LOG.prove(8)(old)

    assert client(url).publish(LOG.note(8), prove)
    assert asked == [3]
    assert client(url).publish(LOG.note(8), no_proof)


def test_what_the_witness_cosigned_is_found(url: str) -> None:
    assert list(client(url).found(ORIGIN)) == []
    client(url).publish(LOG.note(3), no_proof)
    (found,) = client(url).found(ORIGIN)
    assert parse_note(found.note).text == LOG.text(3)
    assert found.problem is None and found.at is not None and found.at.timestamp() == NOW
    (found,) = client(url, SigningKey.generate(KEY.name, COSIGNATURE)).found(ORIGIN)
    assert "missing or not good" in str(found.problem)


def test_two_histories_are_a_conflict_with_what_the_witness_holds(url: str) -> None:
    client(url).publish(LOG.note(5), no_proof)
    fork = LOG.forked(2)
    for size in (5, 9):
        with pytest.raises(AnchorConflict, match="no beginning of the") as caught:
            client(url).publish(fork.note(size), fork.prove(size))
        assert parse_note(caught.value.other).text == LOG.text(5)


def test_a_log_that_has_become_smaller_is_told_apart(url: str) -> None:
    anchor = client(url)
    anchor.publish(LOG.note(9), no_proof)
    for one in (anchor, client(url)):
        with pytest.raises(AnchorAhead, match="9 leaves") as caught:
            one.publish(LOG.note(5), LOG.prove(5))
        assert caught.value.size == 9 and parse_note(caught.value.other).text == LOG.text(9)


def test_refusals_say_what_to_do(url: str) -> None:
    with pytest.raises(AnchorFailed, match="does not know this log") as unknown:
        client(url).publish(Log("other.example/log").note(3), no_proof)
    with pytest.raises(AnchorFailed, match="trusts no key") as untrusted:
        client(url).publish(Log().note(3), no_proof)
    assert "verifier key" in str(unknown.value.hint) and "verifier key" in str(untrusted.value.hint)


def test_a_cosignature_of_another_key_is_not_accepted(url: str) -> None:
    other = SigningKey.generate(KEY.name, COSIGNATURE)
    with pytest.raises(AnchorFailed, match="no good cosignature"):
        client(url, other).publish(LOG.note(3), no_proof)


def test_a_logs_key_cannot_be_a_witnesss() -> None:
    for key in (LOG.key, SigningKey.generate("w")):
        with pytest.raises(ConfigError, match="type 4"):
            client("https://w.example", key)
    with pytest.raises(ConfigError, match="neither Ed25519"):
        open_anchor(WitnessAnchor(name="w", url="https://w.example", vkey="w+00000000+AAAA"))


def says(status: int, body: bytes, content_type: str = "text/plain") -> Callable[[str, bytes], Answer]:
    return lambda path, asked: (status, content_type, body)


def good_line(size: int, time: int = NOW) -> bytes:
    return KEY.cosign(LOG.text(size), time).line.encode()


ODD: dict[str, tuple[int, bytes, str]] = {
    "nothing": (200, b"", "text/plain"),
    "html": (200, b"<html>hello</html>\n", "text/html"),
    "not utf-8": (200, b"\xff\xfe\n", "text/plain"),
    "a cosignature of another size": (200, good_line(4), "text/plain"),
    "a time of zero": (200, good_line(3, 0), "text/plain"),
    "a log's signature": (200, LOG.key.sign(LOG.text(3)).line.encode(), "text/plain"),
    "a cut line": (200, good_line(3)[:-1], "text/plain"),
    "a size without its type": (409, b"7\n", "text/plain"),
    "a size that is none": (409, b"-7\n", "text/x.tlog.size"),
    "a size with a zero": (409, b"07\n", "text/x.tlog.size"),
    "the size just asked with": (409, b"0\n", "text/x.tlog.size"),
    "an error": (500, b"broken\nsecond line", "text/plain"),
    "too often": (429, b"slow down", "text/plain"),
    "a redirect": (307, b"http://127.0.0.1:1/elsewhere", "text/plain"),
    "endless": (200, b"x" * 1_500_000, "text/plain"),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_answers_fail_with_the_anchors_name(what: str) -> None:
    with http_server(says(*ODD[what])) as url, pytest.raises(AnchorFailed) as caught:
        client(url).publish(LOG.note(3), LOG.prove(3))
    assert not isinstance(caught.value, AnchorConflict)
    assert caught.value.at and caught.value.at.startswith(url)


def test_signatures_of_others_in_the_answer_are_dropped() -> None:
    other = SigningKey.generate("w2.example", COSIGNATURE)
    lines = other.cosign(LOG.text(3), NOW).line.encode() + good_line(3)
    with http_server(says(200, lines)) as url:
        assert client(url).publish(LOG.note(3), no_proof) == good_line(3)


def test_a_prefix_is_kept(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(path: str, body: bytes) -> Answer:
        asked.append(path)
        return 200, "text/plain", good_line(3)

    with http_server(answer) as url:
        client(f"{url}/some/prefix/").publish(LOG.note(3), no_proof)
    assert asked == ["/some/prefix/add-checkpoint"]


def test_what_it_shows_is_looked_at() -> None:
    witness = KEY.cosign(LOG.text(3), NOW)
    good = Note(LOG.text(3), (LOG.key.sign(LOG.text(3)), witness)).encode()
    for body, words in (
        (b"rubbish", "no signed checkpoint"),
        (Log("other.example").note(3), "another log"),
        (LOG.note(3), "missing or not good"),
        (good.replace(LOG.text(3).encode(), LOG.text(4).encode()), "missing or not good"),
    ):
        with http_server(says(200, body)) as url:
            (found,) = client(url).found(ORIGIN)
            assert words in str(found.problem) and found.where.startswith(url)
    with http_server(says(200, good)) as url:
        assert [one.problem for one in client(url).found(ORIGIN)] == [None]
    with http_server(says(503, b"away")) as url, pytest.raises(AnchorFailed, match="503 away"):
        list(client(url).found(ORIGIN))


def test_who_does_not_answer_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(AnchorFailed, match="no answer within"):
            client(url, timeout_s=0.3).publish(LOG.note(3), no_proof)


def test_who_answers_drop_by_drop_is_not_waited_for_for_ever() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            conn, _ = server.accept()
            with conn:
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.05):
                    try:
                        conn.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(AnchorFailed, match="no answer within"):
            client(url, timeout_s=0.3).publish(LOG.note(3), no_proof)
        stop.set()
        thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    import ssl
    import subprocess

    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=localhost"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            conn, _ = server.accept()
            try:
                context.wrap_socket(conn, server_side=True).close()
            except OSError:
                conn.close()

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        with pytest.raises(AnchorFailed, match="CERTIFICATE_VERIFY_FAILED"):
            client(f"https://localhost:{server.getsockname()[1]}").publish(LOG.note(3), no_proof)
        thread.join()

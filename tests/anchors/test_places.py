"""What every anchor that keeps checkpoints does alike, whatever it keeps them in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pgaudit_kit.anchor_specs import FolderAnchor, PostgresAnchor, S3Anchor, TimestampAnchor
from pgaudit_kit.anchors import Anchor, AnchorAhead, AnchorConflict, AnchorFailed, open_anchor, setup_sql
from pgaudit_kit.errors import KitError
from pgaudit_kit.note import COSIGNATURE, Note, SigningKey, parse_note
from tests.anchors.conftest import Cloud
from tests.anchors.logs import ORIGIN, Log, no_proof
from tests.anchors.places import Authority
from tests.conftest import FOUND
from tests.servers import PgServer

LOG = Log()
Open = Callable[[], Anchor]


@pytest.fixture(params=["folder", "s3", "timestamp", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same place anew each time, as another process would."""
    if request.param == "postgres":
        server: PgServer = request.getfixturevalue("one_server")
        with server.database(server.template("anchor", set_up)) as database:
            yield lambda: open_anchor(PostgresAnchor(name="place", dsn=database.dsn))
    elif request.param == "s3":
        cloud: Cloud = request.getfixturevalue("cloud")
        spec = S3Anchor(name="place", bucket=cloud.bucket(), prefix="shop", endpoint=cloud.endpoint)
        yield lambda: open_anchor(spec)
    elif request.param == "timestamp":
        authority: tuple[Authority, str] = request.getfixturevalue("authority")
        stamped = TimestampAnchor(
            name="place", url=authority[1], ca_file=authority[0].ca_file, path=str(tmp_path)
        )
        yield lambda: open_anchor(stamped)
    else:
        yield lambda: open_anchor(FolderAnchor(name="place", path=str(tmp_path / "anchor")))


@pytest.fixture(scope="session")
def one_server(request: pytest.FixtureRequest) -> PgServer:
    """Any server: what differs between them, other tests see."""
    servers = request.getfixturevalue("servers")
    found: PgServer = servers[next(iter(request.config.stash[FOUND].versions))]
    return found


def set_up(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(setup_sql())


def held(anchor: Anchor, origin: str = ORIGIN) -> list[bytes]:
    return sorted(found.note for found in anchor.found(origin) if found.problem is None)


def test_a_checkpoint_that_was_published_is_found(place: Open) -> None:
    assert held(place()) == []
    assert place().publish(LOG.note(3), no_proof) == b""
    place().publish(LOG.note(7), LOG.prove(7))
    assert held(place()) == sorted([LOG.note(3), LOG.note(7)])
    assert held(place(), "other.example/log") == []
    assert all(found.at is not None and found.where for found in place().found(ORIGIN))


def test_publishing_again_changes_nothing_also_with_other_signatures(place: Open) -> None:
    place().publish(LOG.note(3), no_proof)
    place().publish(LOG.note(3), no_proof)
    witness = SigningKey.generate("w.example", COSIGNATURE)
    note = parse_note(LOG.note(3))
    place().publish(Note(note.text, (*note.signatures, witness.cosign(note.text, 5))).encode(), no_proof)
    assert held(place()) == [LOG.note(3)]


def test_an_older_checkpoint_is_fine_where_it_is_there_already(place: Open) -> None:
    place().publish(LOG.note(3), no_proof)
    place().publish(LOG.note(7), LOG.prove(7))
    place().publish(LOG.note(3), no_proof)


def test_another_checkpoint_of_one_size_is_a_conflict_with_the_evidence(place: Open) -> None:
    place().publish(LOG.note(7), no_proof)
    with pytest.raises(AnchorConflict, match="another checkpoint of 7 leaves") as caught:
        place().publish(LOG.forked(2).note(7), no_proof)
    assert caught.value.other == LOG.note(7)
    assert caught.value.at and caught.value.hint and caught.value.exit_code == 1
    assert held(place()) == [LOG.note(7)]


def test_a_checkpoint_smaller_than_what_is_there_comes_too_late(place: Open) -> None:
    place().publish(LOG.note(7), no_proof)
    with pytest.raises(AnchorAhead, match="7 leaves, more than this one's 5") as caught:
        place().publish(LOG.note(5), LOG.prove(5))
    assert (caught.value.size, caught.value.other) == (7, LOG.note(7))
    assert held(place()) == [LOG.note(7)]


def test_a_later_checkpoint_of_another_history_is_a_conflict(place: Open) -> None:
    anchor = place()
    anchor.publish(LOG.note(5), no_proof)
    fork = LOG.forked(2)
    with pytest.raises(AnchorConflict, match="no beginning of this log of 9") as caught:
        anchor.publish(fork.note(9), fork.prove(9))
    assert caught.value.other == LOG.note(5)
    assert held(place()) == [LOG.note(5)]


def test_what_is_no_checkpoint_is_not_published(place: Open) -> None:
    for data in (b"", b"hello\n\n", LOG.note(3)[:-1], LOG.note(3).replace(b"\n3\n", b"\n03\n")):
        with pytest.raises(AnchorFailed, match="no checkpoint"):
            place().publish(data, no_proof)
    assert list(place().found(ORIGIN)) == []


def test_logs_with_odd_names_do_not_meet(place: Open) -> None:
    origins = ["../../etc", "a/b", "a%2Fb", "ä/ö", "x" * 300, "'; DROP TABLE x; --".replace(" ", "_")]
    for origin in origins:
        place().publish(Log(origin).note(1), no_proof)
    assert all(len(held(place(), origin)) == 1 for origin in origins)


def test_found_since_leaves_smaller_checkpoints_out(place: Open) -> None:
    for size in (3, 7, 12):
        place().publish(LOG.note(size), LOG.prove(size))
    assert sorted(found.note for found in place().found(ORIGIN, 7)) == sorted([LOG.note(7), LOG.note(12)])
    assert [found.note for found in place().found(ORIGIN, 8)] == [LOG.note(12)]
    assert list(place().found(ORIGIN, 13)) == []


@pytest.mark.parametrize(
    ("module", "spec"),
    [
        ("boto3", S3Anchor(name="x", bucket="abc")),
        (
            "rfc3161_client",
            TimestampAnchor(name="x", url="http://t.example", ca_file="/x", path="/y"),
        ),
    ],
)
def test_an_extra_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, spec: S3Anchor | TimestampAnchor
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(KitError, match=r"need the package") as caught:
        open_anchor(spec)
    assert "pip install 'pgaudit-kit[" in str(caught.value.hint)

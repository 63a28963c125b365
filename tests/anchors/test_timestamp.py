"""Timestamps of RFC 3161: asked with a nonce, checked before they are kept, and again when they are found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from pgaudit_kit.anchor_specs import TimestampAnchor
from pgaudit_kit.anchors import Anchor, AnchorFailed, open_anchor
from pgaudit_kit.errors import ConfigError
from tests.anchors.logs import ORIGIN, Log, no_proof
from tests.anchors.places import Authority, http_server, make_authority, openssl_verifies

LOG = Log()
NAME = "00000000000000000007"


@pytest.fixture
def stamped(authority: tuple[Authority, str], tmp_path: Path) -> Callable[[], Anchor]:
    spec = TimestampAnchor(
        name="tsa", url=authority[1], ca_file=authority[0].ca_file, path=str(tmp_path / "at")
    )
    return lambda: open_anchor(spec)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Where the checkpoint of 7 leaves and its token are."""
    log = tmp_path / "at" / sha256(ORIGIN.encode()).hexdigest()
    return log / "checkpoints" / NAME, log / "timestamps" / f"{NAME}.tsr"


def test_the_token_lies_beside_the_checkpoint_and_openssl_accepts_it(
    authority: tuple[Authority, str], stamped: Callable[[], Anchor], files: tuple[Path, Path]
) -> None:
    stamped().publish(LOG.note(7), no_proof)
    assert files[0].read_bytes() == LOG.note(7)
    assert openssl_verifies(authority[0], *files)
    (found,) = stamped().found(ORIGIN)
    assert found.problem is None and found.token == files[1].read_bytes()
    assert found.at is not None and abs(datetime.now(UTC) - found.at) < timedelta(minutes=5)


def test_what_is_stamped_is_not_stamped_again(
    authority: tuple[Authority, str], stamped: Callable[[], Anchor], files: tuple[Path, Path]
) -> None:
    stamped().publish(LOG.note(7), no_proof)
    token = files[1].read_bytes()
    stamped().publish(LOG.note(7), no_proof)
    assert (authority[0].asked, files[1].read_bytes()) == (1, token)


def test_where_the_authority_was_away_the_next_try_stamps_it(
    authority: tuple[Authority, str], stamped: Callable[[], Anchor], files: tuple[Path, Path]
) -> None:
    authority[0].status = 503
    with pytest.raises(AnchorFailed, match="503 come back tomorrow") as caught:
        stamped().publish(LOG.note(7), no_proof)
    assert caught.value.at == authority[1]
    (found,) = stamped().found(ORIGIN)
    assert (found.problem, found.token, found.at) == (None, None, None)
    authority[0].status = 200
    stamped().publish(LOG.note(7), no_proof)
    assert openssl_verifies(authority[0], *files)


def test_an_answer_to_another_question_is_refused(
    authority: tuple[Authority, str], stamped: Callable[[], Anchor], files: tuple[Path, Path]
) -> None:
    """An old answer has another nonce; one over other bytes another hash."""
    stamped().publish(LOG.note(7), no_proof)
    old = (authority[0].folder / "query.tsq").read_bytes()
    files[1].unlink()
    authority[0].edit_query = lambda query: old
    with pytest.raises(AnchorFailed, match="Nonce"):
        stamped().publish(LOG.note(7), no_proof)
    digest = sha256(LOG.note(7)).digest()
    authority[0].edit_query = lambda query: query.replace(digest, bytes(32))
    with pytest.raises(AnchorFailed, match="Mismatch"):
        stamped().publish(LOG.note(7), no_proof)
    assert not files[1].exists()


def test_a_refusal_is_told_in_the_authoritys_words(
    authority: tuple[Authority, str], stamped: Callable[[], Anchor]
) -> None:
    sha256_id, sha512_id = bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040203")
    authority[0].edit_query = lambda query: query.replace(sha256_id, sha512_id)
    with pytest.raises(AnchorFailed, match="the authority refused"):
        stamped().publish(LOG.note(7), no_proof)


@pytest.mark.parametrize("data", [b"", b"<html>", b"0" * 100, bytes(1000)])
def test_rubbish_is_refused(authority: tuple[Authority, str], tmp_path: Path, data: bytes) -> None:
    with http_server(lambda path, body: (200, "application/timestamp-reply", data)) as url:
        spec = TimestampAnchor(name="tsa", url=url, ca_file=authority[0].ca_file, path=str(tmp_path / "at"))
        with pytest.raises(AnchorFailed, match="does not hold"):
            open_anchor(spec).publish(LOG.note(7), no_proof)


def test_another_authority_is_not_believed(
    stamped: Callable[[], Anchor], files: tuple[Path, Path], tmp_path: Path
) -> None:
    with http_server(make_authority(tmp_path / "other")) as url:
        theirs = TimestampAnchor(
            name="tsa", url=url, ca_file=str(tmp_path / "other" / "ca.pem"), path=str(tmp_path / "at")
        )
        open_anchor(theirs).publish(LOG.note(7), no_proof)
    (found,) = stamped().found(ORIGIN)
    assert str(found.problem).startswith("its timestamp is not good")
    with pytest.raises(AnchorFailed, match="does not hold"):
        stamped().publish(LOG.note(7), no_proof)


def test_a_checkpoint_or_token_that_was_changed_is_found(
    stamped: Callable[[], Anchor], files: tuple[Path, Path]
) -> None:
    stamped().publish(LOG.note(7), no_proof)
    other = LOG.forked(2).note(7)
    files[0].chmod(0o644)
    files[0].write_bytes(other)
    (found,) = stamped().found(ORIGIN)
    assert (found.note, found.token) == (other, None) and "Mismatch" in str(found.problem)
    files[1].chmod(0o644)
    files[1].write_bytes(b"0")
    (found,) = stamped().found(ORIGIN)
    assert found.problem is not None


def test_certificates_that_cannot_be_read_are_told_at_once(
    authority: tuple[Authority, str], tmp_path: Path
) -> None:
    def spec(ca_file: Path) -> TimestampAnchor:
        return TimestampAnchor(name="tsa", url=authority[1], ca_file=str(ca_file), path=str(tmp_path / "at"))

    (tmp_path / "empty.pem").write_text("nothing")
    shutil.copy(authority[0].folder / "tsa.pem", tmp_path / "leaf.pem")
    for name, words in (("absent.pem", "cannot be read"), ("empty.pem", "PEM"), ("leaf.pem", "no root")):
        with pytest.raises(ConfigError, match=words) as caught:
            open_anchor(spec(tmp_path / name))
        assert caught.value.at == str(tmp_path / name)

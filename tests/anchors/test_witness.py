"""The witness: the status codes of c2sp.org/tlog-witness, and one history whatever comes at once."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import merkle
from pgaudit_kit.note import (
    COSIGNATURE,
    Note,
    SigningKey,
    cosigned_at,
    open_note,
    parse_note,
    parse_signatures,
)
from pgaudit_kit.witness import Ledger, LedgerFailed, Malformed, Reply, Witness, parse_request
from tests.anchors.logs import ORIGIN, Log, body, step

KEY = SigningKey.generate("witness.example/w1", COSIGNATURE)
LOG = Log()
NOW = 1_800_000_000


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(KEY, [LOG.key.verifier], Ledger(tmp_path / "witness.db"), lambda: NOW)


def size_of(reply: Reply) -> int:
    assert (reply.status, reply.content_type) == (409, "text/x.tlog.size")
    assert reply.body.endswith(b"\n")
    return int(reply.body)


def test_a_consistent_checkpoint_is_cosigned_with_the_time(witness: Witness) -> None:
    for old, size in ((0, 3), (3, 3), (3, 8), (8, 100)):
        reply = witness.add_checkpoint(step(LOG, old, size))
        assert reply.status == 200
        note = Note(LOG.text(size), parse_signatures(reply.body.decode()))
        assert open_note(note.encode(), [KEY.verifier]) == [KEY.verifier]
        assert cosigned_at(note.signatures[0]) == NOW


def test_a_first_checkpoint_may_have_any_size_even_none(witness: Witness) -> None:
    assert witness.add_checkpoint(step(LOG, 0, 0)).status == 200
    assert witness.add_checkpoint(step(LOG, 0, 7)).status == 200
    assert size_of(witness.add_checkpoint(step(LOG, 0, 7))) == 7


def test_a_wrong_old_size_is_answered_with_the_size_that_is_known(witness: Witness) -> None:
    assert size_of(witness.add_checkpoint(step(LOG, 3, 7))) == 0
    witness.add_checkpoint(step(LOG, 0, 7))
    assert size_of(witness.add_checkpoint(step(LOG, 0, 9))) == 7
    assert size_of(witness.add_checkpoint(step(LOG, 5, 9))) == 7
    assert size_of(witness.add_checkpoint(step(LOG, 8, 9))) == 7


def test_who_signed_is_asked_before_anything_is_told(witness: Witness) -> None:
    witness.add_checkpoint(step(LOG, 0, 7))
    assert witness.add_checkpoint(step(Log("elsewhere.example/log"), 0, 3)).status == 404
    assert witness.add_checkpoint(step(Log(), 0, 3)).status == 403
    forged = LOG.note(3).replace(LOG.text(3).encode(), LOG.text(4).encode())
    assert witness.add_checkpoint(body(0, forged)).status == 403
    assert witness.add_checkpoint(body(9, LOG.note(8))).status == 400


def test_an_unknown_signature_beside_the_logs_own_is_ignored(witness: Witness) -> None:
    other = SigningKey.generate("other.example")
    note = Note(LOG.text(3), (other.sign(LOG.text(3)), LOG.key.sign(LOG.text(3))))
    assert witness.add_checkpoint(body(0, note.encode())).status == 200
    shown = parse_note(witness.checkpoint(sha256(ORIGIN.encode()).hexdigest()).body)
    assert [one.name for one in shown.signatures] == [ORIGIN, KEY.name]


def test_what_is_not_consistent_is_refused_and_changes_nothing(witness: Witness) -> None:
    good = LOG.prove(9)(5)
    refused = {
        "no proof": body(5, LOG.note(9)),
        "a node changed": body(5, LOG.note(9), [*good[:-1], bytes(32)]),
        "a node more": body(5, LOG.note(9), [*good, bytes(32)]),
        "a node less": body(5, LOG.note(9), good[:-1]),
        "another history": step(LOG.forked(3), 5, 9),
        "another history of one size": step(LOG.forked(3), 5, 5),
        "a proof for the same size": body(5, LOG.note(5), [bytes(32)]),
    }
    witness.add_checkpoint(step(LOG, 0, 5))
    before = witness.checkpoint(sha256(ORIGIN.encode()).hexdigest())
    for what, request in refused.items():
        assert witness.add_checkpoint(request).status == 422, what
    assert witness.checkpoint(sha256(ORIGIN.encode()).hexdigest()) == before
    assert witness.add_checkpoint(step(LOG, 5, 9)).status == 200


def test_proofs_about_an_empty_log_and_false_empty_roots_are_refused(witness: Witness) -> None:
    assert witness.add_checkpoint(body(0, LOG.note(3), [bytes(32)])).status == 422
    assert witness.add_checkpoint(body(0, LOG.note(0, bytes(32)))).status == 422
    assert witness.add_checkpoint(body(0, LOG.note(0, merkle.EMPTY_ROOT))).status == 200
    assert witness.add_checkpoint(body(0, LOG.note(0, bytes(32)))).status == 422


def test_two_histories_signed_by_the_log_are_kept_as_evidence(witness: Witness, tmp_path: Path) -> None:
    witness.add_checkpoint(step(LOG, 0, 5))
    witness.add_checkpoint(step(LOG, 5, 9))
    witness.add_checkpoint(step(LOG.forked(2), 9, 9))
    witness.add_checkpoint(step(LOG.forked(2), 0, 5))  # answered with 409, and told apart all the same
    kept = Ledger(tmp_path / "witness.db").conflicts()
    assert [(one.size, one.root) for one in kept] == [(size, LOG.forked(2).root(size)) for size in (5, 9)]
    assert all(open_note(one.note, [LOG.key.verifier]) for one in kept)


def test_a_log_may_have_two_keys_while_it_changes_them(tmp_path: Path) -> None:
    new = Log()
    keys = [LOG.key.verifier, new.key.verifier]
    witness = Witness(KEY, keys, Ledger(tmp_path / "w.db"), lambda: NOW)
    assert witness.add_checkpoint(step(LOG, 0, 3)).status == 200
    assert witness.add_checkpoint(step(new, 3, 5)).status == 200


def test_what_was_cosigned_outlives_the_process(witness: Witness, tmp_path: Path) -> None:
    witness.add_checkpoint(step(LOG, 0, 5))
    again = Witness(KEY, [LOG.key.verifier], Ledger(tmp_path / "witness.db"), lambda: NOW)
    assert size_of(again.add_checkpoint(step(LOG, 0, 5))) == 5
    assert again.add_checkpoint(step(LOG.forked(1), 5, 5)).status == 422


def test_a_ledger_that_lost_its_newest_line_still_cosigns_no_second_history(
    witness: Witness, tmp_path: Path
) -> None:
    witness.add_checkpoint(step(LOG, 0, 5))
    with sqlite3.connect(tmp_path / "witness.db") as conn:
        conn.execute("DELETE FROM newest")
    conn.close()
    with pytest.raises(LedgerFailed, match="was cosigned"):
        witness.add_checkpoint(step(LOG.forked(1), 0, 5))


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(LedgerFailed) as caught:
        Ledger(tmp_path / "w.db")
    assert caught.value.at == str(tmp_path / "w.db")


def test_the_monitor_shows_the_newest_checkpoint_with_both_signatures(witness: Witness) -> None:
    name = sha256(ORIGIN.encode()).hexdigest()
    assert witness.checkpoint(name).status == 404
    assert witness.checkpoint("0" * 64).status == 404
    witness.add_checkpoint(step(LOG, 0, 5))
    witness.add_checkpoint(step(LOG, 5, 6))
    shown = witness.checkpoint(name)
    assert shown.status == 200
    assert open_note(shown.body, [LOG.key.verifier, KEY.verifier]) == [LOG.key.verifier, KEY.verifier]
    assert parse_note(shown.body).text == LOG.text(6)


GOOD = step(LOG, 5, 9)
MALFORMED = {
    "empty": b"",
    "no note": b"old 0\n\n",
    "no empty line": GOOD.replace(b"\n\n", b"\n"),
    "leading zero": GOOD.replace(b"old 5", b"old 05"),
    "negative": GOOD.replace(b"old 5", b"old -5"),
    "plus": GOOD.replace(b"old 5", b"old +5"),
    "other digits": GOOD.replace(b"old 5", "old \u0665".encode()),
    "too large": GOOD.replace(b"old 5", b"old 9223372036854775808"),
    "two spaces": GOOD.replace(b"old 5", b"old  5"),
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "short hash": body(5, LOG.note(9), [bytes(31)]),
    "long proof": body(5, LOG.note(9), [bytes(32)] * 64),
    "no base64": GOOD.replace(b"old 5\n", b"old 5\n****\n"),
    "size with zero": GOOD.replace(b"\n9\n", b"\n09\n"),
    "no signature": GOOD[: GOOD.rfind("\u2014".encode())],
    "cut": GOOD[:-1],
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_bodies_are_refused_as_such(witness: Witness, what: str) -> None:
    assert witness.add_checkpoint(MALFORMED[what]).status == 400
    assert witness.checkpoint(sha256(ORIGIN.encode()).hexdigest()).status == 404


def test_63_lines_of_proof_are_read() -> None:
    assert len(parse_request(body(5, LOG.note(9), [bytes(32)] * 63)).proof) == 63


@given(st.one_of(st.binary(max_size=300), st.builds(
    lambda at, length, more: GOOD[:at] + more + GOOD[at + length :],
    st.integers(0, len(GOOD)), st.integers(0, 40), st.binary(max_size=40),
)))  # fmt: skip
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_request(data)
    except Malformed:
        pass


def test_two_witnesses_with_one_database_agree(witness: Witness, tmp_path: Path) -> None:
    other = Witness(KEY, [LOG.key.verifier], Ledger(tmp_path / "witness.db"), lambda: NOW)
    assert witness.add_checkpoint(step(LOG, 0, 3)).status == 200
    assert size_of(other.add_checkpoint(step(LOG.forked(1), 0, 4))) == 3
    assert other.add_checkpoint(step(LOG, 3, 4)).status == 200
    assert size_of(witness.add_checkpoint(step(LOG, 3, 5))) == 4

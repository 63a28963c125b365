"""The signer: what it signs, in which order, and what it never signs."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from pgaudit_kit import merkle
from pgaudit_kit.db import connect
from pgaudit_kit.errors import FileError, InsufficientPrivilege
from pgaudit_kit.note import SigningKey, open_note, parse_checkpoint, parse_note
from pgaudit_kit.signing import LogForked, SignedLog, StateFile, generate_key, read_key, rotation_note
from pgaudit_kit.signing.signer import Unknowable
from pgaudit_kit.signing.state import SignerBusy
from pgaudit_kit.timeouts import Timeouts
from tests.sealing import one
from tests.servers import Database
from tests.signing.conftest import ORIGIN, Shelf, Signing

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see


def headers(db: Database) -> list[bytes]:
    rows = db.execute("SELECT header FROM audit.blocks ORDER BY log_index").fetchall()
    return [header.encode() for (header,) in rows]


def test_a_checkpoint_is_signed_over_all_blocks_and_kept_everywhere(signing: Signing) -> None:
    outcome = signing.signer().run()
    assert outcome is not None and outcome.new and not outcome.failed
    checkpoint = parse_checkpoint(parse_note(outcome.note).text)
    leaves = headers(signing.db)
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, len(leaves))
    assert checkpoint.root == merkle.root(leaves)
    assert open_note(outcome.note, [signing.key.verifier]) == [signing.key.verifier]
    assert signing.shelf.notes == [outcome.note]
    row = signing.db.execute(
        "SELECT size, root, note, anchors, published_at IS NOT NULL FROM audit.checkpoints"
    ).fetchone()
    assert row == (len(leaves), checkpoint.root, outcome.note.decode(), {"shelf": None}, True)


def test_the_next_one_goes_on_from_the_last(signing: Signing) -> None:
    signer = signing.signer()
    sizes = []
    for _ in range(4):
        outcome = signer.run()
        assert outcome
        sizes.append(outcome.checkpoint.size)
        signing.grow()
    assert sizes == [6, 8, 10, 12]
    assert len(signing.shelf.notes) == 4  # the shelf has checked that each goes on from the one before


def test_without_new_blocks_nothing_new_is_signed(signing: Signing) -> None:
    first, second = signing.signer().run(), signing.signer().run()
    assert first and second and second.note == first.note and not second.new
    assert len(signing.shelf.notes) == 1


def test_an_anchor_that_fails_is_told_and_asked_again(signing: Signing) -> None:
    signing.shelf.failing = True
    other = Shelf("other")
    outcome = signing.signer(anchors=[signing.shelf, other]).run()
    assert outcome and outcome.failed == ["shelf"] and len(other.notes) == 1
    assert one(signing.db, "SELECT anchors ->> 'shelf' FROM audit.checkpoints") == "the shelf is out of reach"
    signing.shelf.failing = False
    again = signing.signer(anchors=[signing.shelf, other]).run()
    assert again and not again.failed and signing.shelf.notes == other.notes


def test_where_every_anchor_fails_the_checkpoint_is_not_published(signing: Signing) -> None:
    signer = signing.signer()
    signer.run()
    signing.shelf.failing = True
    signing.grow()
    signer.run()
    assert signing.db.execute(
        "SELECT size, note IS NULL, published_at IS NULL FROM audit.checkpoints ORDER BY size"
    ).fetchall() == [(6, False, False), (8, False, True)]


STEPS = ["prepared", "signed", "remembered", "asked shelf", "published"]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", STEPS)
def test_a_crash_at_any_step_is_gone_on_from(signing: Signing, at: str) -> None:
    signing.signer().run()
    signing.grow()

    def crash(step: str) -> None:
        if step == at:
            raise Crash

    with pytest.raises(Crash):
        signing.signer(step=crash).run()
    signing.grow()
    outcome = signing.signer().run()
    assert outcome and outcome.checkpoint.size == 10
    assert outcome.checkpoint.root == merkle.root(headers(signing.db))
    for note in signing.shelf.notes:
        open_note(note, [signing.key.verifier])


def test_a_state_that_was_lost_is_made_again_from_what_was_published(signing: Signing) -> None:
    signing.signer().run()
    (signing.folder / "state").unlink()
    signing.grow()
    outcome = signing.signer().run()
    assert outcome and outcome.checkpoint.size == 8 and len(signing.shelf.notes) == 2


def test_an_old_copy_of_the_state_is_caught_up(signing: Signing) -> None:
    signing.signer().run()
    old = (signing.folder / "state").read_bytes()
    signing.grow()
    signing.signer().run()
    (signing.folder / "state").write_bytes(old)
    outcome = signing.signer().run()
    assert outcome and outcome.checkpoint.size == 8
    assert len(signing.shelf.notes) == 2


def rewrite(db: Database, log_index: int) -> None:
    """What a superuser does who recomputes everything; the tree's leaves are the headers."""
    db.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    db.execute("UPDATE audit.blocks SET header = header || ' ' WHERE log_index = %s", [log_index])


@pytest.mark.parametrize("lost", [False, True], ids=["state", "state lost"])
@pytest.mark.parametrize("grown", [False, True], ids=["same size", "grown"])
def test_a_rewritten_log_is_not_signed(signing: Signing, lost: bool, grown: bool) -> None:
    signing.signer().run()
    before = list(signing.shelf.notes)
    rewrite(signing.db, 2)
    signing.db.execute("DELETE FROM audit.checkpoints")
    if lost:
        (signing.folder / "state").unlink()
    if grown:
        signing.grow()
    with pytest.raises(LogForked):
        signing.signer().run()
    assert signing.shelf.notes == before


def test_a_log_that_is_rewritten_while_the_signer_goes_on_is_not_signed(signing: Signing) -> None:
    signer = signing.signer()
    signer.run()
    rewrite(signing.db, 2)
    signing.db.execute("DELETE FROM audit.log_tiles")
    for grown in (False, True):
        if grown:
            signing.grow()
        with pytest.raises(LogForked, match="was signed as"):
            signer.run()
    assert len(signing.shelf.notes) == 1


@pytest.mark.parametrize("lost", [False, True], ids=["state", "state lost"])
def test_a_database_that_was_put_back_is_not_signed(signing: Signing, lost: bool) -> None:
    signing.signer().run()
    signing.db.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    signing.db.execute("DELETE FROM audit.blocks WHERE log_index >= 4; DELETE FROM audit.checkpoints")
    signing.db.execute("UPDATE audit.seal_state SET log_size = 4")
    if lost:
        (signing.folder / "state").unlink()
    with pytest.raises(LogForked, match=r"fewer|has 4 blocks"):
        signing.signer().run()


def test_state_and_database_put_back_together_are_told_by_the_anchor(signing: Signing) -> None:
    signing.signer().run()
    old = (signing.folder / "state").read_bytes()
    kept = signing.db.execute("SELECT * FROM audit.blocks ORDER BY log_index").fetchall()
    signing.grow()
    signing.signer().run()
    (signing.folder / "state").write_bytes(old)
    rewrite(signing.db, 7)
    signing.db.execute("DELETE FROM audit.checkpoints WHERE size > 6")
    assert len(kept) == 6
    with pytest.raises(LogForked, match="the shelf"):
        signing.signer().run()


def test_with_its_state_lost_and_no_anchor_in_reach_nothing_is_signed(signing: Signing) -> None:
    signing.signer().run()
    (signing.folder / "state").unlink()
    signing.shelf.failing = True
    with pytest.raises(Unknowable):
        signing.signer().run()


def test_a_note_that_a_stranger_put_on_the_shelf_stops_nobody(signing: Signing) -> None:
    stranger = SigningKey.generate(ORIGIN)
    text = f"{ORIGIN}\n1000000\n" + "A" * 43 + "=\n"
    signing.shelf.notes.append((text + "\n" + stranger.sign(text).line).encode())
    assert len([found for found in signing.shelf.found(ORIGIN)]) == 1
    other = Shelf("other")
    outcome = signing.signer(anchors=[Reading(signing.shelf), other]).run()
    assert outcome and outcome.checkpoint.size == 6


class Reading(Shelf):
    """A shelf from which notes are only read."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__("reading", shelf.notes)

    def publish(self, note: bytes, prove: object) -> bytes:
        """Keeps nothing."""
        return b""


def test_a_gap_in_the_log_ends_what_is_signed(signing: Signing) -> None:
    signing.signer().run()
    signing.grow(2)
    signing.db.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    signing.db.execute("DELETE FROM audit.blocks WHERE log_index = 8")
    outcome = signing.signer().run()
    assert outcome and outcome.checkpoint.size == 8


def test_two_signers_do_not_sign_at_once(signing: Signing) -> None:
    with StateFile(signing.folder / "state").locked(), pytest.raises(SignerBusy):
        signing.signer().run()


def test_a_damaged_state_is_told_with_a_way_out(signing: Signing) -> None:
    (signing.folder / "state").write_text('{"origin": "x", "size": 3}')
    with pytest.raises(FileError, match="damaged") as caught:
        signing.signer().run()
    assert caught.value.hint and "Move it away" in caught.value.hint


def test_another_log_begins_after_a_restoration_and_names_the_old_ones_end(signing: Signing) -> None:
    first = signing.signer().run()
    assert first
    signing.db.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    signing.db.execute("DELETE FROM audit.blocks WHERE log_index >= 4")
    signing.db.execute("UPDATE audit.seal_state SET log_size = 4")
    with pytest.raises(LogForked):
        signing.signer().run()
    other = Shelf()
    outcome = signing.signer(anchors=[other]).restored(f"{ORIGIN}/2")
    assert outcome and outcome.checkpoint.origin == f"{ORIGIN}/2" and outcome.checkpoint.size == 4
    detail = one(
        signing.db,
        "SELECT new_values FROM audit.change_events WHERE new_values ->> 'kind' = 'log-restored'",
    )
    assert detail == {"kind": "log-restored", "origin": f"{ORIGIN}/2", "before": first.note.decode()}


def test_a_signer_needs_its_role_and_no_other(signing: Signing) -> None:
    name = signing.db.role("signs", "LOGIN")
    log = SignedLog(connect(make_conninfo(signing.db.dsn, user=name), timeouts=Timeouts()), "audit")
    with pytest.raises(InsufficientPrivilege) as caught:
        signing.signer(log=log).run()
    assert caught.value.hint == "GRANT pgaudit_kit_signer TO it."
    signing.db.execute(f'GRANT pgaudit_kit_signer TO "{name}"')
    outcome = signing.signer(log=log).run()
    assert outcome and outcome.checkpoint.size == 6


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    generate_key(tmp_path / "key", ORIGIN)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "key").chmod(mode)
    with pytest.raises(FileError, match="read by others"):
        read_key(tmp_path / "key")


def test_a_key_is_never_written_over_another(tmp_path: Path) -> None:
    key = generate_key(tmp_path / "key", ORIGIN)
    with pytest.raises(FileError, match="there already"):
        generate_key(tmp_path / "key", ORIGIN)
    assert read_key(tmp_path / "key") == key
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_rotation_is_signed_by_both_keys() -> None:
    old, new = SigningKey.generate(ORIGIN), SigningKey.generate(ORIGIN)
    note = rotation_note(old, new, 17)
    assert open_note(note.encode(), [old.verifier, new.verifier]) == [old.verifier, new.verifier]
    assert note.text.splitlines()[2:] == ["17", old.verifier.vkey, new.verifier.vkey]

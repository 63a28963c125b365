"""verify's level checkpoint: the log against all that was signed, in the database and outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgaudit_kit import verify
from pgaudit_kit.db import connect
from pgaudit_kit.errors import Inconclusive, KitError
from pgaudit_kit.note import COSIGNATURE, Checkpoint, Note, SigningKey, checkpoint_text, parse_note
from pgaudit_kit.policy import LogKey, Policy, Witness
from pgaudit_kit.timeouts import Timeouts
from pgaudit_kit.verify import Report, Trust
from tests.rewriting import cut_tail, recompute
from tests.sealing import one, seal, write
from tests.signing.conftest import ORIGIN, Shelf, Signing

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WITNESS = SigningKey.generate("witness.example/w1", COSIGNATURE)


@dataclass
class Seen:
    """A note with what an anchor says of it."""

    note: bytes
    at: datetime | None = NOW
    token: bytes | None = None
    problem: str | None = None
    where: str = "12"


class Dated:
    """What a shelf holds, dated; optionally cosigned."""

    name = "shelf"

    def __init__(self, shelf: Shelf, **options: Any) -> None:
        self.shelf, self.options = shelf, options

    def found(self, origin: str, since: int = 0) -> Iterator[Seen]:
        """All of it."""
        if self.shelf.failing:
            raise KitError("the shelf is out of reach")
        return (Seen(note, **self.options) for note in self.shelf.notes)


def policy(signing: Signing, **options: Any) -> Policy:
    values = {"origin": ORIGIN, "keys": (LogKey(vkey=signing.key.verifier.vkey),)} | options
    return Policy(**values)


def check(
    signing: Signing, *tenants: str, since: int = 0, anchors: Any = None, dated: Any = None, **options: Any
) -> Report:
    """Verifies with a policy, all tenants unless told otherwise."""
    anchors = [Dated(signing.shelf, **(dated or {}))] if anchors is None else anchors
    trust = Trust(policy=policy(signing, **options), now=NOW, anchors=anchors)
    with connect(signing.db.dsn, timeouts=Timeouts(), read_only=True) as conn:
        return verify.verify(conn, "audit", tenants or None, lambda *_: None, trust=trust, since=since)


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.findings}


@pytest.fixture
def signed(signing: Signing) -> Signing:
    """Three checkpoints: of 6, 8 and 10 blocks."""
    signing.signer().run()
    for _ in range(2):
        signing.grow()
        signing.signer().run()
    return signing


def test_a_signed_and_anchored_log_is_clean(signed: Signing) -> None:
    report = check(signed)
    assert report.verdict == "ok", report.findings
    assert all(tenant.levels["checkpoint"] == "ok" for tenant in report.tenants)
    proof = report.proof
    assert (proof.integrity, proof.time) == ("anchored", "bracketed")
    assert (proof.log_size, proof.signed_size, proof.anchored_size) == (10, 10, 10)


def test_what_was_sealed_since_is_no_finding_and_is_counted(signed: Signing) -> None:
    signed.grow()
    report = check(signed, "a")
    assert report.verdict == "ok"
    assert (report.proof.log_size, report.proof.signed_size) == (12, 10)


def test_without_an_anchor_the_proof_goes_as_far_as_the_signature(signed: Signing) -> None:
    assert check(signed, anchors=[]).proof.integrity == "signed"
    assert check(signed, anchors=[]).proof.time == "asserted"


def test_a_rewritten_and_recomputed_log_is_found_by_what_was_signed(signed: Signing) -> None:
    recompute(signed.db)
    signed.db.execute("DELETE FROM audit.checkpoints; DELETE FROM audit.log_tiles")
    with connect(signed.db.dsn, timeouts=Timeouts(), read_only=True) as conn:
        alone = verify.verify(conn, "audit", None, lambda *_: None)
    assert alone.verdict == "ok", "the chain alone cannot tell"
    report = check(signed)
    assert report.verdict == "failed" and kinds(report) == {"checkpoint-mismatch"}
    assert "Up to 0 blocks" in report.findings[0].message
    assert all(tenant.levels["checkpoint"] == "failed" for tenant in report.tenants)


def test_a_change_after_a_checkpoint_is_placed_between_two(signed: Signing) -> None:
    signed.db.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    signed.db.execute("UPDATE audit.blocks SET header = header || ' ' WHERE log_index = 8")
    message = next(f.message for f in check(signed).findings if f.kind == "checkpoint-mismatch")
    assert "the first 10 blocks" in message and "Up to 8 blocks" in message


def test_a_cut_tail_and_an_older_copy_are_found(signed: Signing) -> None:
    cut_tail(signed.db, 8)
    report = check(signed)
    assert "checkpoint-ahead" in kinds(report)
    assert "8" in next(f.message for f in report.findings if f.kind == "checkpoint-ahead")


def forged(signing: Signing, size: int, root: bytes = bytes(32), key: SigningKey | None = None) -> bytes:
    text = checkpoint_text(Checkpoint(ORIGIN, size, root))
    return Note(text, ((key or signing.key).sign(text),)).encode()


def test_two_anchors_that_hold_two_logs_of_one_size_are_found(signed: Signing) -> None:
    other = Shelf("other", [forged(signed, 8)])
    report = check(signed, anchors=[Dated(signed.shelf), Dated(other, where="elsewhere")])
    assert kinds(report) == {"checkpoint-fork", "checkpoint-mismatch"}


def test_a_checkpoint_that_no_key_of_the_policy_signed_does_not_count(signed: Signing) -> None:
    signed.shelf.notes = [forged(signed, 10, key=SigningKey.generate(ORIGIN))]
    report = check(signed)
    assert "checkpoint-signature" in kinds(report)
    assert report.proof.anchored_size == 0


def test_a_stolen_key_that_has_expired_signs_nothing(signed: Signing) -> None:
    old = LogKey(vkey=signed.key.verifier.vkey, to_size=8)
    new = SigningKey.generate(ORIGIN)
    report = check(signed, keys=(old, LogKey(vkey=new.verifier.vkey, from_size=8)))
    assert kinds(report) == {"checkpoint-signature"}
    assert report.proof.signed_size == 6


def test_what_an_anchor_says_is_wrong_with_its_own_is_a_finding(signed: Signing) -> None:
    report = check(signed, dated={"problem": "it was overwritten"})
    assert kinds(report) == {"anchor-tampered"}


def test_signing_that_stopped_is_found_by_age(signed: Signing) -> None:
    fresh = check(signed, dated={"at": NOW - timedelta(minutes=59)})
    stale = check(signed, dated={"at": NOW - timedelta(minutes=61)})
    assert fresh.verdict == "ok" and kinds(stale) == {"checkpoint-stale"}
    assert kinds(check(signed, dated={"at": NOW + timedelta(hours=2)})) == {"checkpoint-time"}


def test_a_log_of_which_nothing_signed_is_left_fails(signed: Signing) -> None:
    signed.db.execute("DELETE FROM audit.checkpoints")
    signed.shelf.notes.clear()
    report = check(signed)
    assert kinds(report) == {"checkpoint-missing"} and report.exit_code == 1


def test_an_anchor_that_cannot_be_read_leaves_the_level_open(signed: Signing) -> None:
    signed.shelf.failing = True
    report = check(signed)
    assert report.exit_code == 4
    assert all(tenant.levels["checkpoint"] == "unknown" for tenant in report.tenants)
    assert any("out of reach" in note.message for note in report.notes)


def cosign(signing: Signing, at: datetime) -> None:
    notes = [parse_note(note) for note in signing.shelf.notes]
    stamp = int(at.timestamp())
    signing.shelf.notes = [
        note.with_signatures([WITNESS.cosign(note.text, stamp)]).encode() for note in notes
    ]


def test_cosignatures_of_the_policys_witnesses_count(signed: Signing) -> None:
    witnesses: dict[str, Any] = {"witnesses": (Witness(vkey=WITNESS.verifier.vkey),), "quorum": 1}
    assert kinds(check(signed, dated={"at": None}, **witnesses)) == {"checkpoint-quorum"}
    cosign(signed, NOW - timedelta(minutes=5))
    report = check(signed, dated={"at": None}, **witnesses)
    assert report.verdict == "ok" and report.proof.integrity == "witnessed"
    assert report.proof.witnessed_size == 10
    cosign(signed, NOW - timedelta(days=1))
    assert "checkpoint-stale" in kinds(check(signed, dated={"at": None}, **witnesses))


def test_a_table_that_the_policy_expects_and_nobody_audits_is_found(signed: Signing) -> None:
    assert check(signed, tables=("public.doc",)).verdict == "ok"
    report = check(signed, tables=("public.doc", "public.payments"))
    assert [(f.kind, f.table) for f in report.findings] == [("table-not-audited", "public.payments")]


def test_a_token_of_an_authority_counts_for_the_time(signed: Signing) -> None:
    assert check(signed, dated={"token": b"x"}).proof.time == "timestamped"


def test_a_restoration_on_purpose_is_told_and_its_log_verified(signed: Signing) -> None:
    cut_tail(signed.db, 8)
    before = list(signed.shelf.notes)
    signed.shelf.notes = []
    signed.signer().restored(f"{ORIGIN}/2")
    signed.grow(2)
    signed.signer(origin=f"{ORIGIN}/2").run()
    signed.shelf.notes = before + signed.shelf.notes
    report = check(signed, origin=(ORIGIN, f"{ORIGIN}/2"))
    assert not {kind for kind in kinds(report) if kind.startswith("checkpoint")}, report.findings
    assert any("restored on purpose" in note.message and "8 blocks" in note.message for note in report.notes)
    assert "checkpoint-mismatch" in kinds(check(signed)) or "checkpoint-signature" in kinds(check(signed))


def test_since_looks_at_what_came_after_and_counts_on_what_was_signed(signed: Signing) -> None:
    write(signed.db, 1000, 3, tenant="new")
    seal(signed.db)
    signed.signer().run()
    report = check(signed, since=8)
    assert report.verdict == "ok" and report.since == 8
    assert {tenant.tenant_id: tenant.checked for tenant in report.tenants if tenant.checked} == {
        "a": 1,
        "new": 3,
    }
    db = signed.db
    db.execute("ALTER TABLE audit.change_events DISABLE TRIGGER USER")
    db.execute("UPDATE audit.change_events SET actor_id = 'x' WHERE tenant_id = 'a'")
    changed = [f for f in check(signed, since=8).findings if f.level == "events"]
    assert [f.kind for f in changed] == ["event-changed"]
    assert len([f for f in check(signed).findings if f.level == "events"]) == 5


def test_since_needs_a_size_that_was_signed(signed: Signing) -> None:
    with pytest.raises(Inconclusive, match="9 blocks") as caught:
        check(signed, since=9)
    assert caught.value.hint == "Signed sizes near it: 8, 10."


def test_since_refuses_a_tree_that_was_not_signed(signed: Signing) -> None:
    signed.db.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    signed.db.execute("UPDATE audit.blocks SET header = header || ' ' WHERE log_index = 2")
    with pytest.raises(Inconclusive, match="not the one that was signed"):
        check(signed, since=8)


@pytest.mark.parametrize("size", [256, 300, 511, 512])
def test_since_finds_its_place_in_a_log_with_tiles(signing: Signing, size: int) -> None:
    seals = (size - one(signing.db, "SELECT log_size FROM audit.seal_state")) // 2 + 4
    signing.db.execute(
        f"DO $$ BEGIN FOR i IN 1..{seals} LOOP INSERT INTO public.doc VALUES (i + 1000, 'a', 'v'); COMMIT;"
        " PERFORM audit.seal(); COMMIT; END LOOP; END $$"
    )
    signing.signer().run()
    headers = signing.db.execute(
        "SELECT header FROM audit.blocks ORDER BY log_index LIMIT %s", [size]
    ).fetchall()
    from pgaudit_kit.merkle import root

    signing.shelf.notes.append(forged(signing, size, root(header.encode() for (header,) in headers)))
    assert one(signing.db, "SELECT count(*) FROM audit.log_tiles") == (size + 6) // 256
    report = check(signing, since=size)
    assert report.verdict == "ok", report.findings


@pytest.mark.any_server
@pytest.mark.parametrize("level", [0, 1])
def test_a_tile_that_is_not_what_the_blocks_give_is_named(signing: Signing, level: int) -> None:
    seals = 128 if level == 0 else 256 * 128
    if level:  # as many blocks as that would take long: their headers count, and nothing else
        signing.db.execute(
            "ALTER TABLE audit.blocks DISABLE TRIGGER USER; INSERT INTO audit.blocks (log_index,"
            " block_number, sealed_at, first_position, event_count, tenant_id, prev_hash, merkle_root,"
            " block_hash, header, event_ids, event_hashes) SELECT i, i + 1, '2026-01-01', 1, 0, 't',"
            " sha256(''), sha256(''), sha256(''), 'header ' || i, '{}', ''"
            " FROM generate_series(6, 256 * 256 - 1) AS i"
        )
        signing.db.execute("UPDATE audit.seal_state SET log_size = 256 * 256")
    else:
        signing.db.execute(
            f"DO $$ BEGIN FOR i IN 1..{seals} LOOP INSERT INTO public.doc VALUES (i + 1000, 'a', 'v');"
            " COMMIT; PERFORM audit.seal(); COMMIT; END LOOP; END $$"
        )
    while one(signing.db, "SELECT audit.store_log_tiles(1000)"):
        pass
    assert "log-tile" not in kinds(check(signing, anchors=[]))
    signing.db.execute(
        "UPDATE audit.log_tiles SET node_hashes = overlay(node_hashes PLACING sha256('') FROM 33)"
        " WHERE tile_level = %s AND tile_index = 0",
        [level],
    )
    found = [f.message for f in check(signing, anchors=[]).findings if f.kind == "log-tile"]
    assert found and f"of level {level}" in found[-1]


def test_the_command_takes_the_policy_and_says_what_is_proved(
    signed: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.kit import run

    file = signed.folder / "policy.toml"
    file.write_text(f'origin = "{ORIGIN}"\n[[keys]]\nvkey = "{signed.key.verifier.vkey}"\n')
    answer = run("--dsn", signed.db.dsn, "verify", "--all", "--policy", str(file))
    assert answer.code == 0, answer.err + answer.out
    assert "Proof: signed; time: asserted. The log is signed up to 10 of 10 blocks." in answer.out
    assert "whoever holds the signing key" in answer.out
    assert run("--dsn", signed.db.dsn, "verify", "--all").out.count("without a policy") == 1
    since = run("--dsn", signed.db.dsn, "verify", "--all", "--since", "8")
    assert since.code == 2 and "--policy" in since.err
    assert run("--dsn", signed.db.dsn, "verify", "--all", "--policy", str(file), "--since", "8").code == 0
    file.write_text(file.read_text().replace("origin", "orígin"))
    assert run("--dsn", signed.db.dsn, "verify", "--all", "--policy", str(file)).code == 2

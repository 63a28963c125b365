"""Damage that is not one tenant's: the log of all blocks, the kit's own chain, and its own bookkeeping."""

from __future__ import annotations

import pytest

from tests.attacks.conftest import VICTIM, SealedLog
from tests.verifying import found, verdicts

OK, FAILED = ("ok", "ok"), ("ok", "failed")


def test_a_gap_that_no_chain_explains_is_everybodys(log: SealedLog) -> None:
    """The last block goes, and the chain's recorded end with it."""
    for table in ("change_events", "personal_values", "personal_keys"):
        log.execute(f"DELETE FROM audit.{table} WHERE event_id = ANY ('{set(log.events(block=3))}')")
    log.execute(f"DELETE FROM audit.blocks WHERE tenant_id = '{VICTIM}' AND block_number = 3")
    log.execute(
        "UPDATE audit.chain_heads AS h SET block_number = 2, block_hash = b.block_hash, event_count = 8"
        " FROM audit.blocks AS b WHERE b.tenant_id = h.tenant_id AND b.block_number = 2"
        f" AND h.tenant_id = '{VICTIM}'"
    )
    answer = log.verify()
    assert (answer.code, found(answer)) == (1, {("log-gap", None, None, None)})
    assert set(verdicts(answer).values()) == {FAILED}
    alone = log.verify("--tenant", "globex")
    assert (alone.code, found(alone)) == (1, {("log-gap", None, None, None)})


def test_a_tenant_whose_whole_chain_is_gone_is_found(log: SealedLog) -> None:
    log.execute(f"DELETE FROM audit.chain_heads WHERE tenant_id = '{VICTIM}'")
    log.execute(f"DELETE FROM audit.blocks WHERE tenant_id = '{VICTIM}'")
    answer = log.verify()
    assert {("log-gap", None, None, None)} <= found(answer)
    assert {("event-unsealed", VICTIM, event, None) for event in log_events(log)} <= found(answer)


def test_a_missing_seal_record_is_the_kits_own_and_nobody_elses(log: SealedLog) -> None:
    log.execute("DELETE FROM audit.blocks WHERE tenant_id = '_system' AND block_number = 2")
    answer = log.verify()
    assert found(answer) == {("block-missing", "_system", None, 2)}
    assert {name for name, verdict in verdicts(answer).items() if verdict != OK} == {"_system"}


def test_a_rewritten_last_seal_record_leaves_unsealed_events_undecided(log: SealedLog) -> None:
    """Whoever lowers its snapshot could hide an inserted event; what is sealed stays as it is."""
    log.execute(
        'UPDATE audit.blocks SET header = regexp_replace(header, \'"snapshot":"[^"]*\', \'"snapshot":"3:3:\')'
        " WHERE log_index = (SELECT max(log_index) FROM audit.blocks)"
    )
    last = log.one("SELECT max(block_number) FROM audit.blocks WHERE tenant_id = '_system'")
    answer = log.verify()
    assert found(answer) == {("block-hash", "_system", None, last), ("head-mismatch", "_system", None, last)}
    assert verdicts(answer)[VICTIM] == OK
    alone = log.verify("--tenant", VICTIM)
    assert alone.code == 0
    assert "not sound" in alone.json["notes"][0]["message"]


def test_a_block_added_behind_the_last_seal_record_is_found(log: SealedLog) -> None:
    log.execute(
        "INSERT INTO audit.blocks SELECT log_index + 1000, block_number + 1, sealed_at, NULL, NULL,"
        " first_position + event_count, 0, tenant_id, block_hash, sha256(''), sha256(''), '', '{}', ''"
        f" FROM audit.blocks WHERE tenant_id = '{VICTIM}' AND block_number = 3"
    )
    answer = log.verify()
    assert {("seal-missing", VICTIM, None, 4), ("head-mismatch", VICTIM, None, 4)} <= found(answer)
    assert ("header-malformed", VICTIM, None, 4) in found(answer)
    assert answer.code == 1


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM audit.seal_state",
        "UPDATE audit.seal_state SET log_size = log_size - 1",
    ],
)
def test_a_lost_end_of_the_log_is_everybodys(log: SealedLog, damage: str) -> None:
    log.execute(damage)
    answer = log.verify()
    assert (answer.code, found(answer)) == (1, {("seal-state", None, None, None)})
    assert set(verdicts(answer).values()) == {FAILED}


def test_a_log_that_claims_to_be_longer_has_a_gap(log: SealedLog) -> None:
    log.execute("UPDATE audit.seal_state SET log_size = log_size + 5")
    answer = log.verify()
    assert (answer.code, found(answer)) == (1, {("log-gap", None, None, None)})


def test_a_table_version_that_is_gone_is_said_once(log: SealedLog) -> None:
    log.execute("DELETE FROM audit.table_versions WHERE table_name = 'person'")
    answer = log.verify("--tenant", VICTIM)
    (finding,) = answer.json["findings"]
    assert (finding["kind"], finding["tenant_id"]) == ("event-forged", VICTIM)
    assert "(6 events)" in finding["message"]


def test_an_event_in_two_blocks_is_found(log: SealedLog) -> None:
    event = log.events(block=1)[0]
    digest = (
        f"(SELECT substr(b.event_hashes, 1, 32) FROM audit.blocks AS b WHERE {event} = ANY (b.event_ids))"
    )
    log.execute(
        f"UPDATE audit.blocks SET event_ids[1] = {event}, event_hashes = overlay(event_hashes"
        f" PLACING {digest} FROM 1) WHERE tenant_id = '{VICTIM}' AND block_number = 2"
    )
    answer = log.verify()
    assert ("event-sealed-twice", VICTIM, event, 2) in found(answer)
    assert verdicts(answer)["globex"] == OK


def test_a_block_that_takes_another_tenants_event_is_that_blocks_finding(log: SealedLog) -> None:
    event = log.events("globex", block=2)[1]
    digest = (
        f"(SELECT substr(b.event_hashes, 33, 32) FROM audit.blocks AS b WHERE {event} = ANY (b.event_ids))"
    )
    log.execute(
        f"UPDATE audit.blocks SET event_ids[2] = {event}, event_hashes = overlay(event_hashes"
        f" PLACING {digest} FROM 33) WHERE tenant_id = '{VICTIM}' AND block_number = 2"
    )
    answer = log.verify()
    assert ("event-foreign", VICTIM, event, 2) in found(answer)
    assert verdicts(answer)["globex"][0] == "ok"
    assert ("event-foreign", VICTIM, event, 2) in found(log.verify("--tenant", VICTIM))
    assert log.verify("--tenant", "globex").code == 0


def test_a_flood_of_findings_is_counted_not_listed(log: SealedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgaudit_kit.verify.suspects.KEPT", 3)
    log.execute("UPDATE audit.change_events SET actor_id = 'x'")
    answer = log.verify("--tenant", VICTIM)
    assert len(answer.json["findings"]) == 3
    assert answer.json["findings_omitted"] == len(log.events()) - 3
    assert answer.json["verdict"] == "failed"


def test_what_can_be_told_is_told(log: SealedLog) -> None:
    one, other = log.events(block=1)[0], log.events(block=1)[1]
    moved = log.events(block=2)[0]
    log.execute(f"UPDATE audit.change_events SET event_id = {one} + {other} - event_id"
                f" WHERE event_id IN ({one}, {other})")  # fmt: skip
    log.execute(f"UPDATE audit.change_events SET tenant_id = 'globex' WHERE event_id = {moved}")
    said = {finding["event_id"]: finding["message"] for finding in log.verify().json["findings"]}
    assert f"it now has the content of event {other}" in said[one]
    assert "it now claims to be of tenant 'globex'; nothing else of it was changed" in said[moved]


def log_events(log: SealedLog) -> list[int]:
    """The victim's events in the log."""
    rows = log.execute(f"SELECT event_id FROM audit.change_events WHERE tenant_id = '{VICTIM}'")
    return [event for (event,) in rows]


def test_with_a_sound_seal_record_there_is_nothing_to_note(log: SealedLog) -> None:
    for number in (900, 901):
        log.execute("SELECT audit.record_control('test', '{}')")
        log.execute("SELECT audit.seal()")
        log.execute("INSERT INTO public.doc VALUES (%s, 'acme', 'x', 1)", number)
    answer = log.verify("--tenant", VICTIM)
    notes = [note for note in answer.json["notes"] if "was not compared" not in note["message"]]
    assert (answer.code, notes, answer.json["tenants"][0]["unsealed"]) == (0, [], 1)


PASSED_OVER = {
    "boundary": "UPDATE audit.seal_state SET event_id_boundary = 100000",
    "snapshot": "UPDATE audit.seal_state SET snapshot ="
    " format('%s:%s:', txid_current() + 1000, txid_current() + 1000)::pg_snapshot",
    "horizon": "UPDATE audit.seal_horizon SET began_at = now() + interval '2 days'",
}


@pytest.mark.parametrize("lie", PASSED_OVER.values(), ids=PASSED_OVER)
def test_an_event_that_the_seal_was_made_to_pass_over_is_found(log: SealedLog, lie: str) -> None:
    """By the next seal record, which says what it has seen."""
    log.execute("CREATE TABLE IF NOT EXISTS kept.seal_horizon AS SELECT * FROM audit.seal_horizon")
    log.execute(lie)
    log.execute("INSERT INTO public.doc VALUES (950, 'acme', 'x', 1)")
    event = log.one("SELECT max(event_id) FROM audit.change_events")
    log.execute("SELECT audit.seal()")
    log.execute("UPDATE audit.seal_state SET sealed_at = sealed_at - interval '2 minutes'")
    log.execute("SELECT audit.seal()")
    answer = log.verify()
    log.execute(
        "DELETE FROM audit.seal_horizon; INSERT INTO audit.seal_horizon SELECT * FROM kept.seal_horizon"
    )
    log.execute("DELETE FROM public.doc WHERE id = 950")
    assert ("event-unsealed", VICTIM, event, None) in found(answer)

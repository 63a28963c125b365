"""A superuser with the log's triggers switched off: whatever he does to sealed data is found and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.conftest import OTHERS, VICTIM, SealedLog, insert
from tests.verifying import found, verdicts

Expected = set[tuple[str, str | None, int | None, int | None]]
Attack = Callable[[SealedLog], Expected]

COLUMNS = {
    "value": "new_values = jsonb_set(new_values, '{price}', '99')",
    "value 5 to 5.0": "new_values = jsonb_set(new_values, '{price}', '5.0')",
    "actor": "actor_id = 'somebody else'",
    "no actor": "actor_id = NULL",
    "action": "action = 'archive'",
    "context": """context = context || '{"request_id": "r2"}'""",
    "time": "occurred_at = occurred_at - interval '1 second'",
    "time by a microsecond": "occurred_at = occurred_at + interval '1 microsecond'",
    "operation": "operation = 'U'",
    "unknown operation": "operation = 'X'",
    "key": "record_key = '4711'",
    "transaction id": "transaction_id = transaction_id - 1",
    "row_xmin": "row_xmin = (row_xmin::text::bigint + 1)::text::xid",
    "no row_xmin": "row_xmin = NULL",
    "table": "table_id = table_id + 1",
    "commitment": "personal_commitment = sha256('')",
}


@pytest.mark.parametrize("change", COLUMNS.values(), ids=COLUMNS)
def test_a_changed_column_is_found_and_the_event_named(log: SealedLog, change: str) -> None:
    event = log.events(block=2)[0]
    log.execute(f"UPDATE audit.change_events SET {change} WHERE event_id = {event}")
    answer = assert_found(log, {("event-changed", VICTIM, event, 2)})
    if change != COLUMNS["table"]:
        assert answer["findings"][0]["table"] == "public.doc"


def moved_to_another_tenant(log: SealedLog) -> Expected:
    event = log.events(block=2)[0]
    log.execute(f"UPDATE audit.change_events SET tenant_id = 'globex' WHERE event_id = {event}")
    return {("event-changed", VICTIM, event, 2)}


def moved_to_a_new_tenant(log: SealedLog) -> Expected:
    event = log.events(block=2)[0]
    log.execute(f"UPDATE audit.change_events SET tenant_id = 'nobody' WHERE event_id = {event}")
    return {("event-changed", VICTIM, event, 2)}


def first_deleted(log: SealedLog) -> Expected:
    return deleted(log, log.events()[0], 1)


def middle_deleted(log: SealedLog) -> Expected:
    return deleted(log, log.events(block=2)[2], 2)


def last_deleted(log: SealedLog) -> Expected:
    return deleted(log, log.events()[-1], 3)


def deleted(log: SealedLog, event: int, block: int) -> Expected:
    log.execute(f"DELETE FROM audit.change_events WHERE event_id = {event}")
    return {("event-missing", VICTIM, event, block)}


def every_event_deleted(log: SealedLog) -> Expected:
    blocks = {event: block for block in (1, 2, 3) for event in log.events(block=block)}
    log.execute(f"DELETE FROM audit.change_events WHERE tenant_id = '{VICTIM}'")
    return {("event-missing", VICTIM, event, block) for event, block in blocks.items()}


def inserted_with_an_old_transaction(log: SealedLog) -> Expected:
    event = log.unused_id()
    insert(log.db, log.events()[0], event_id=str(event), record_key="'4711'")
    return {("event-unsealed", VICTIM, event, None)}


def inserted_with_its_own_transaction_and_an_old_id(log: SealedLog) -> Expected:
    event = log.unused_id()
    own = "(txid_current() % 4294967296)::text::xid"
    insert(log.db, log.events()[0], event_id=str(event), transaction_id="txid_current()", row_xmin=own)
    return {("event-forged", VICTIM, event, None)}


def inserted_with_its_own_transaction_and_another_row_version(log: SealedLog) -> Expected:
    event = log.one("SELECT nextval('audit.event_id_seq')")
    insert(log.db, log.events()[0], event_id=str(event), transaction_id="txid_current()")
    return {("event-forged", VICTIM, event, None)}


def inserted_with_its_own_transaction_and_an_old_date(log: SealedLog) -> Expected:
    event = log.one("SELECT nextval('audit.event_id_seq')")
    values = {"transaction_id": "txid_current()", "row_xmin": "txid_current()::text::xid"}
    insert(log.db, log.events()[0], event_id=str(event), occurred_at="now() - interval '2 hours'", **values)
    return {("event-back-dated", VICTIM, event, None)}


def inserted_with_its_own_transaction_for_tomorrow(log: SealedLog) -> Expected:
    event = log.one("SELECT nextval('audit.event_id_seq')")
    values = {"transaction_id": "txid_current()", "row_xmin": "txid_current()::text::xid"}
    insert(log.db, log.events()[0], event_id=str(event), occurred_at="now() + interval '1 day'", **values)
    return {("event-future-dated", VICTIM, event, None)}


def inserted_with_a_transaction_to_come(log: SealedLog) -> Expected:
    event = log.one("SELECT nextval('audit.event_id_seq')")
    values = {"transaction_id": "txid_current() + 1000", "row_xmin": "(txid_current() + 1000)::text::xid"}
    insert(log.db, log.events()[0], event_id=str(event), **values)
    return {("event-forged", VICTIM, event, None)}


def inserted_with_an_id_to_come(log: SealedLog) -> Expected:
    event = log.one("SELECT last_value FROM audit.event_id_seq") + 1000
    values = {"transaction_id": "txid_current()", "row_xmin": "txid_current()::text::xid"}
    insert(log.db, log.events()[0], event_id=str(event), **values)
    return {("event-forged", VICTIM, event, None)}


def inserted_about_an_unknown_table(log: SealedLog) -> Expected:
    event = log.one("SELECT nextval('audit.event_id_seq')")
    values = {"transaction_id": "txid_current()", "row_xmin": "txid_current()::text::xid", "table_id": "77"}
    insert(log.db, log.events()[0], event_id=str(event), **values)
    return {("event-forged", VICTIM, event, None)}


def ids_swapped(log: SealedLog) -> Expected:
    one, other = log.events(block=2)[1], log.events(block=3)[1]
    log.execute(
        f"UPDATE audit.change_events SET event_id = {one} + {other} - event_id"
        f" WHERE event_id IN ({one}, {other})"
    )
    return {("event-changed", VICTIM, one, 2), ("event-changed", VICTIM, other, 3)}


def renumbered(log: SealedLog) -> Expected:
    event, new = log.events(block=2)[1], log.unused_id()
    log.execute(f"UPDATE audit.change_events SET event_id = {new} WHERE event_id = {event}")
    return {("event-missing", VICTIM, event, 2), ("event-unsealed", VICTIM, new, None)}


def doubled(log: SealedLog) -> Expected:
    event = log.events(block=2)[1]
    insert(log.db, event, occurred_at="e.occurred_at + interval '1 second'")
    return {("event-duplicate", VICTIM, event, None), ("event-changed", VICTIM, event, 2)}


def one_deleted_and_another_doubled(log: SealedLog) -> Expected:
    return deleted(log, log.events(block=2)[2], 2) | doubled(log)


def first_block_deleted(log: SealedLog) -> Expected:
    return block_deleted(log, 1)


def middle_block_deleted(log: SealedLog) -> Expected:
    return block_deleted(log, 2)


def last_block_deleted(log: SealedLog) -> Expected:
    return block_deleted(log, 3)


def block_deleted(log: SealedLog, block: int) -> Expected:
    log.execute(f"DELETE FROM audit.blocks WHERE tenant_id = '{VICTIM}' AND block_number = {block}")
    return {("block-missing", VICTIM, None, block)}


def every_block_deleted(log: SealedLog) -> Expected:
    log.execute(f"DELETE FROM audit.blocks WHERE tenant_id = '{VICTIM}'")
    return {("block-missing", VICTIM, None, 1)}


def last_block_deleted_with_its_events(log: SealedLog) -> Expected:
    for table in ("change_events", "personal_values", "personal_keys"):
        log.execute(f"DELETE FROM audit.{table} WHERE event_id = ANY ('{set(log.events(block=3))}')")
    return block_deleted(log, 3)


def middle_block_deleted_and_an_event_inserted(log: SealedLog) -> Expected:
    event, held = log.unused_id(), log.events(block=2)
    insert(log.db, log.events()[0], event_id=str(event))
    orphans = {("event-unsealed", VICTIM, one, None) for one in (event, *held)}
    return block_deleted(log, 2) | orphans


def header_rewritten(log: SealedLog) -> Expected:
    set_block(log, 2, "header = replace(header, '\"v\":1', '\"v\":2')")
    return {
        ("block-hash", VICTIM, None, 2),
        ("header-malformed", VICTIM, None, 2),
        ("prev-hash", VICTIM, None, 3),
    }


def header_rewritten_and_hashed(log: SealedLog) -> Expected:
    count = "replace(header, '\"event_count\":4', '\"event_count\":3')"
    set_block(log, 2, f"header = {count}, block_hash = sha256(convert_to({count}, 'UTF8'))")
    return {
        ("header-column", VICTIM, None, 2),
        ("event-count", VICTIM, None, 2),
        ("prev-hash", VICTIM, None, 3),
    }


def block_hash_rewritten(log: SealedLog) -> Expected:
    set_block(log, 2, "block_hash = sha256('')")
    return {("block-hash", VICTIM, None, 2)}


def hash_list_rewritten(log: SealedLog) -> Expected:
    set_block(log, 2, "event_hashes = overlay(event_hashes PLACING sha256('') FROM 33)")
    return {("merkle-root", VICTIM, None, 2)}


def hash_list_rewritten_for_a_changed_event(log: SealedLog) -> Expected:
    event = log.events(block=2)[1]
    log.execute(f"UPDATE audit.change_events SET actor_id = 'x' WHERE event_id = {event}")
    line = f"(SELECT audit.event_line(e) FROM audit.change_events AS e WHERE e.event_id = {event})"
    hashes = f"overlay(event_hashes PLACING sha256(convert_to({line}, 'UTF8')) FROM 33)"
    set_block(log, 2, f"event_hashes = {hashes}")
    return {("merkle-root", VICTIM, None, 2)}


def id_list_rewritten(log: SealedLog) -> Expected:
    event, new = log.events(block=2)[1], log.unused_id()
    set_block(log, 2, f"event_ids[2] = {new}")
    return {("event-ids", VICTIM, event, 2), ("event-order", VICTIM, None, 2)}


def merkle_root_rewritten(log: SealedLog) -> Expected:
    set_block(log, 2, "merkle_root = sha256('')")
    return {("header-column", VICTIM, None, 2)}


def previous_hash_rewritten(log: SealedLog) -> Expected:
    set_block(log, 2, "prev_hash = sha256('')")
    return {("header-column", VICTIM, None, 2), ("prev-hash", VICTIM, None, 2)}


def sealing_time_rewritten(log: SealedLog) -> Expected:
    set_block(log, 2, "sealed_at = sealed_at - interval '1 minute'")
    return {("header-column", VICTIM, None, 2), ("sealed-at", VICTIM, None, 2)}


def sealing_time_rewritten_everywhere_in_the_last_block(log: SealedLog) -> Expected:
    text = "to_char(timezone('UTC', sealed_at), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    header = f"replace(header, {text}, replace({text}, 'Z', '') || 'Z')"
    earlier = f'regexp_replace({header}, \'"sealed_at":"....\', \'"sealed_at":"2025\')'
    set_block(
        log,
        3,
        f"header = {earlier}, block_hash = sha256(convert_to({earlier}, 'UTF8')),"
        " sealed_at = sealed_at - (date_trunc('year', sealed_at) - '2025-01-01')",
    )
    log.execute(
        "UPDATE audit.chain_heads AS h SET block_hash = b.block_hash FROM audit.blocks AS b"
        f" WHERE b.tenant_id = h.tenant_id AND b.tenant_id = '{VICTIM}' AND b.block_number = 3"
    )
    return {("sealed-at", VICTIM, None, 3)}


def renamed_block(log: SealedLog) -> Expected:
    set_block(log, 2, "block_number = 9")
    return {
        ("header-column", VICTIM, None, 9),
        ("block-missing", VICTIM, None, 2),
        ("prev-hash", VICTIM, None, 3),
    }


def head_rewritten(log: SealedLog) -> Expected:
    log.execute(f"UPDATE audit.chain_heads SET block_hash = sha256('') WHERE tenant_id = '{VICTIM}'")
    return {("head-mismatch", VICTIM, None, 3)}


def head_deleted(log: SealedLog) -> Expected:
    log.execute(f"DELETE FROM audit.chain_heads WHERE tenant_id = '{VICTIM}'")
    return {("head-mismatch", VICTIM, None, 3)}


def salt_rewritten(log: SealedLog) -> Expected:
    log.execute(f"UPDATE audit.chain_heads SET salt = sha256('') WHERE tenant_id = '{VICTIM}'")
    return {("tenant-digest", VICTIM, None, block) for block in (1, 2, 3)}


def personal_value_changed(log: SealedLog) -> Expected:
    event = personal_event(log)
    log.execute(
        f'UPDATE audit.personal_values SET new_values = new_values || \'{{"phone": "1"}}\''
        f" WHERE event_id = {event}"
    )
    return {("personal-changed", VICTIM, event, None)}


def personal_value_given_to_another_tenant(log: SealedLog) -> Expected:
    event = personal_event(log)
    log.execute(f"UPDATE audit.personal_values SET tenant_id = 'globex' WHERE event_id = {event}")
    return {("personal-changed", VICTIM, event, None)}


def personal_value_deleted(log: SealedLog) -> Expected:
    event = personal_event(log)
    log.execute(f"DELETE FROM audit.personal_values WHERE event_id = {event}")
    return {("personal-missing", VICTIM, event, None)}


def personal_value_added(log: SealedLog) -> Expected:
    event = log.events()[0]
    log.execute(
        "INSERT INTO audit.personal_values (event_id, occurred_at, tenant_id, salt, new_values)"
        f" SELECT event_id, occurred_at, tenant_id, sha256(''), '{{}}' FROM audit.change_events"
        f" WHERE event_id = {event}"
    )
    return {("personal-unknown", VICTIM, event, None)}


def personal_key_changed(log: SealedLog) -> Expected:
    event = personal_event(log)
    log.execute(f"UPDATE audit.personal_keys SET record_key = 'x' WHERE event_id = {event}")
    return {("personal-changed", VICTIM, event, None)}


def personal_key_deleted(log: SealedLog) -> Expected:
    event = personal_event(log)
    log.execute(f"DELETE FROM audit.personal_keys WHERE event_id = {event}")
    return {("personal-missing", VICTIM, event, None)}


def personal_event(log: SealedLog) -> int:
    """The insertion of a person."""
    return int(
        log.one(
            "SELECT min(event_id) FROM audit.change_events WHERE tenant_id = %s AND operation = 'I'"
            " AND personal_commitment IS NOT NULL",
            VICTIM,
        )
    )


def set_block(log: SealedLog, block: int, change: str) -> None:
    """Rewrites one block of the victim."""
    log.execute(f"UPDATE audit.blocks SET {change} WHERE tenant_id = '{VICTIM}' AND block_number = {block}")


ATTACKS: list[Attack] = [
    moved_to_another_tenant,
    moved_to_a_new_tenant,
    first_deleted,
    middle_deleted,
    last_deleted,
    every_event_deleted,
    inserted_with_an_old_transaction,
    inserted_with_its_own_transaction_and_an_old_id,
    inserted_with_its_own_transaction_and_another_row_version,
    inserted_with_its_own_transaction_and_an_old_date,
    inserted_with_its_own_transaction_for_tomorrow,
    inserted_with_a_transaction_to_come,
    inserted_with_an_id_to_come,
    inserted_about_an_unknown_table,
    ids_swapped,
    renumbered,
    doubled,
    one_deleted_and_another_doubled,
    first_block_deleted,
    middle_block_deleted,
    last_block_deleted,
    every_block_deleted,
    last_block_deleted_with_its_events,
    middle_block_deleted_and_an_event_inserted,
    header_rewritten,
    header_rewritten_and_hashed,
    block_hash_rewritten,
    hash_list_rewritten,
    hash_list_rewritten_for_a_changed_event,
    id_list_rewritten,
    merkle_root_rewritten,
    previous_hash_rewritten,
    sealing_time_rewritten,
    sealing_time_rewritten_everywhere_in_the_last_block,
    renamed_block,
    head_rewritten,
    head_deleted,
    salt_rewritten,
    personal_value_changed,
    personal_value_given_to_another_tenant,
    personal_value_deleted,
    personal_value_added,
    personal_key_changed,
    personal_key_deleted,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.replace("_", "-"))
def test_tampering_is_found_and_named(log: SealedLog, attack: Attack) -> None:
    assert_found(log, attack(log))


def test_the_log_is_clean_before(log: SealedLog) -> None:
    answer = log.verify()
    assert (answer.code, answer.json["verdict"], answer.json["findings"]) == (0, "ok", [])
    assert verdicts(answer) == dict.fromkeys(sorted((VICTIM, *OTHERS)), ("ok", "ok"))


def assert_found(log: SealedLog, expected: Expected) -> dict[str, Any]:
    """Exactly this is found, also when the victim's log alone is verified, and no other tenant is blamed."""
    answer = log.verify()
    assert found(answer) == expected
    assert (answer.code, answer.json["verdict"]) == (1, "failed")
    assert {"failed"} <= set(verdicts(answer)[VICTIM])
    assert {name: verdicts(answer)[name] for name in OTHERS} == dict.fromkeys(OTHERS, ("ok", "ok"))
    alone = log.verify("--tenant", VICTIM)
    assert (alone.code, found(alone)) == (1, expected)
    others = log.verify(*(word for name in OTHERS for word in ("--tenant", name)))
    assert (others.code, found(others)) == (0, set())
    return answer.json

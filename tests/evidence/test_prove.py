"""Receipts: what they prove, to whom they are given, and in which forms."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import errors, sql

from pgaudit_kit.chain import event_hash, parse_header
from pgaudit_kit.evidence import receipt
from pgaudit_kit.merkle import inclusion_proof, leaf_hash, verify_inclusion
from pgaudit_kit.note import SigningKey, open_note, parse_checkpoint, parse_note, parse_vkey
from tests.evidence.conftest import ORIGIN, OTHER, Log, make_log
from tests.kit import Answer, run
from tests.sealing import audited_table, one, seal, write
from tests.servers import Database, connect

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see


def some_event(log: Log, tenant: str = "acme") -> int:
    query = "SELECT event_id FROM audit.events WHERE tenant_id = %s AND block_number = 2 ORDER BY 1 LIMIT 1"
    return int(one(log.db, query, [tenant]))


def prove(log: Log, event: int, *options: str) -> Answer:
    return run("--dsn", log.db.dsn, "prove", str(event), *options)


def hashes(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def assert_proves(log: Log, found: dict[str, Any]) -> None:
    """Step by step, as an auditor would."""
    header = parse_header(found["header"])
    leaf = leaf_hash(event_hash(found["line"]))
    path = hashes(found["block_path"])
    assert verify_inclusion(leaf, found["place"], header.event_count, path, header.merkle_root)
    key = parse_vkey(log.vkey)
    assert open_note(found["checkpoint"].encode(), [key]) == [key]
    signed = parse_checkpoint(parse_note(found["checkpoint"].encode()).text)
    leaf = leaf_hash(found["header"].encode())
    assert verify_inclusion(leaf, found["log_index"], signed.size, hashes(found["log_path"]), signed.root)


def test_an_event_is_proved_up_to_the_signed_checkpoint(log: Log) -> None:
    event = some_event(log)
    answer = prove(log, event, "--json")
    assert answer.code == 0, answer.err
    assert_proves(log, answer.json)
    query = "SELECT audit.event_line(e) FROM audit.change_events AS e WHERE event_id = %s"
    assert answer.json["line"] == one(log.db, query, [event])
    assert "OK: event" in prove(log, event).out


def test_the_tlog_proof_is_as_c2sp_has_it(log: Log, tmp_path: Path) -> None:
    target = tmp_path / "proof"
    assert prove(log, some_event(log), "--tlog-proof", str(target)).code == 0
    proof, checkpoint = target.read_text().split("\n\n", 1)
    first, extra, index, *path = proof.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    inner = json.loads(base64.b64decode(extra.removeprefix("extra ")))
    signed = parse_checkpoint(parse_note(checkpoint.encode()).text)
    leaf, place = leaf_hash(inner["header"].encode()), int(index.removeprefix("index "))
    assert verify_inclusion(leaf, place, signed.size, [base64.b64decode(one) for one in path], signed.root)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_the_path_in_a_block_is_that_of_rfc_6962(kit_db: Database, count: int) -> None:
    data = [bytes([at]) * 32 for at in range(count)]
    for at in range(count):
        found = one(kit_db, "SELECT audit.block_inclusion(%s, %s)", [b"".join(data), at])
        assert [bytes(node) for node in found] == inclusion_proof([leaf_hash(leaf) for leaf in data], at)
    for outside in (-1, count, None):
        with pytest.raises(errors.InvalidParameterValue):
            kit_db.execute("SELECT audit.block_inclusion(%s, %s)", [b"".join(data), outside])


def test_a_reader_gets_receipts_of_its_tenants_alone(log: Log) -> None:
    reader = log.db.role("reader")
    log.db.execute(sql.SQL("GRANT pgaudit_kit_reader TO {}").format(sql.Identifier(reader)))
    log.db.execute("INSERT INTO audit.tenant_readers VALUES (%s, 'acme')", [reader])
    ours, theirs = some_event(log), some_event(log, OTHER[0])
    with connect(log.db, reader) as conn:
        assert_proves(log, one(conn, "SELECT audit.receipt(%s)", [ours]))
        assert one(conn, "SELECT audit.receipt(%s)", [theirs]) is None
        assert one(conn, "SELECT count(*) FROM audit.sealed_events WHERE tenant_id <> 'acme'") == 0
        conn.execute("SET row_security = off")
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("SELECT audit.receipt(%s)", [theirs])


def test_the_signature_counts_where_a_policy_names_the_key(log: Log, tmp_path: Path) -> None:
    event = some_event(log)
    answer = prove(log, event, "--policy", str(log.policy))
    assert answer.code == 0 and f"Signed by {ORIGIN}+" in answer.out
    assert "Signatures were not checked" in prove(log, event).out
    other = tmp_path / "policy.toml"
    key = SigningKey.generate(ORIGIN).verifier.vkey
    for origin, vkey in ((ORIGIN, key), ("audit.example.com/other", log.vkey)):
        other.write_text(f'origin = "{origin}"\nkeys = [{{ vkey = "{vkey}" }}]\n')
        answer = prove(log, event, "--policy", str(other))
        assert answer.code == 1 and "FAILED: no key of the policy signed" in answer.out


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"event_id": 1}, "another event's"),
        ({"block_number": 9}, "not the one that its header says"),
        ({"log_index": 0}, "not the one that its header says"),
        ({"event_count": 1}, "not the one that its header says"),
        ({"header": "{}"}, "header is none"),
        ({"checkpoint": "x"}, "checkpoint is none"),
        ({"log_path": ()}, "not in the log"),
        ({"place": 3}, "not the one that was sealed"),
    ],
)
def test_a_receipt_that_is_not_what_it_says_is_found(log: Log, change: dict[str, Any], problem: str) -> None:
    with connect(log.db) as conn:
        found = receipt(conn, "audit", some_event(log))
    assert found.problem() is None
    assert problem in str(replace(found, **change).problem())


def test_whoever_may_not_read_gets_no_receipt(log: Log) -> None:
    nobody = log.db.role("nobody")
    with connect(log.db, nobody) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute("SELECT audit.receipt(%s)", [some_event(log)])


def test_what_is_not_sealed_is_not_concluded(kit_db: Database) -> None:
    audited_table(kit_db, kit_db.dsn)
    write(kit_db, 1)
    event = str(one(kit_db, "SELECT max(event_id) FROM audit.change_events"))
    assert run("--dsn", kit_db.dsn, "prove", event).code == 4
    seal(kit_db)
    answer = run("--dsn", kit_db.dsn, "prove", event)
    assert answer.code == 0 and "No published checkpoint" in answer.out
    assert run("--dsn", kit_db.dsn, "prove", event, "--tlog-proof", "/nowhere/x").code == 4


def test_an_event_that_was_changed_is_not_proved(kit_db: Database, tmp_path: Path) -> None:
    log = make_log(kit_db, tmp_path)
    event = some_event(log)
    kit_db.execute("ALTER TABLE audit.change_events_default DISABLE TRIGGER ALL")
    for (table,) in kit_db.execute(
        "SELECT relid::regclass::text FROM pg_partition_tree('audit.change_events') ORDER BY level DESC"
    ).fetchall():
        kit_db.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    kit_db.execute("UPDATE audit.change_events SET actor_id = 'mallory' WHERE event_id = %s", [event])
    answer = prove(log, event)
    assert answer.code == 1 and "not the one that was sealed" in answer.out
    target = tmp_path / "evidence"
    answer = log.answer(target, "--json")
    assert answer.code == 1 and target.is_dir()
    assert {(found["kind"], found["event_id"]) for found in answer.json["findings"]} == {
        ("event-changed", event)
    }

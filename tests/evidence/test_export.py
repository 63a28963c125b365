"""What is exported: files, ranges, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pgaudit_kit.evidence import check
from tests.evidence.conftest import OTHER, Log
from tests.kit import run
from tests.sealing import one

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see


def manifest(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return made


def alone(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The verifier as an auditor runs it: from the folder, in an empty environment."""
    command = [sys.executable, "-I", str(folder / "verify_evidence.py"), str(folder), *options]
    return subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def whole(log: Log) -> Path:
    return log.export("whole", "--personal")


def test_the_whole_log_is_proved_without_the_kit(log: Log, whole: Path) -> None:
    answer = alone(whole, "--key", log.vkey, "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    report = json.loads(answer.stdout)
    assert (report["verdict"], report["integrity"], report["time"]) == ("ok", "signed", "asserted")
    assert report["events"] == 15 == manifest(whole)["counts"]["events"]
    assert (report["blocks"], report["openings"]) == (3, 6)
    assert report["findings"] == [] and report["withheld"] == 0


def test_lines_are_the_bytes_that_were_hashed(log: Log, whole: Path) -> None:
    lines = (whole / "events.jsonl").read_bytes().split(b"\n")[:-1]
    query = (
        "SELECT convert_to(audit.event_line(e), 'UTF8') FROM audit.change_events AS e"
        " WHERE e.tenant_id = 'acme' ORDER BY e.event_id"
    )
    assert lines == [bytes(line) for (line,) in log.db.execute(query)]
    everything = b"".join(lines)
    for odd in (b'"price": 1.1', b'"price": 2.500', "\u2028 \U0001f600 \x7f".encode(), b'"NaN"'):
        assert odd in everything


def test_nothing_of_another_tenant_is_in_any_byte(log: Log, whole: Path) -> None:
    query = "SELECT email FROM public.person WHERE tenant = %s"
    secrets = [*OTHER, *(email for (email,) in log.db.execute(query, [OTHER[0]]))]
    theirs = "FROM audit.change_events WHERE tenant_id = %s AND record_key LIKE 'sha256:%%'"
    secrets += [key for (key,) in log.db.execute(f"SELECT DISTINCT record_key {theirs}", [OTHER[0]])]
    event = one(log.db, "SELECT max(event_id) FROM audit.change_events WHERE tenant_id = 'acme'")
    parts = [
        log.export("one", "--personal", "--event", str(event)),
        log.export("later", "--personal", "--from", "2026-01-01T00:00:00Z"),
    ]
    salt = one(log.db, "SELECT salt FROM audit.chain_heads WHERE tenant_id = %s", [OTHER[0]])
    secrets.append(bytes(salt).hex())
    headers = "SELECT block_hash FROM audit.blocks WHERE tenant_id IN (%s, '_system')"
    secrets += [bytes(digest).hex() for (digest,) in log.db.execute(headers, [OTHER[0]])]
    assert len(secrets) > 10 and len(set(secrets)) == len(secrets)
    for path in (path for folder in (whole, *parts) for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in data, f"{secret} in {path.name}"


def test_personal_values_go_along_only_where_asked_for(log: Log, whole: Path) -> None:
    plain = log.export("plain")
    assert not (plain / "personal.jsonl").exists()
    assert not any(b"555-0100" in path.read_bytes() for path in plain.rglob("*") if path.is_file())
    assert b"555-0100" in (whole / "personal.jsonl").read_bytes()


def test_a_key_that_came_along_vouches_for_nothing(whole: Path) -> None:
    report = check(str(whole))
    assert (report["verdict"], report["integrity"]) == ("ok", "self-consistent")
    assert "came with the evidence" in " ".join(report["notes"])


def test_single_events_are_proved_and_no_other_is_shown(log: Log) -> None:
    ids = [
        event
        for (event,) in log.db.execute(
            "SELECT event_id FROM audit.change_events WHERE tenant_id = 'acme' ORDER BY event_id"
        )
    ]
    folder = log.export("two", "--event", str(ids[1]), "--event", str(ids[-1]))
    report = check(str(folder), [log.vkey])
    assert (report["verdict"], report["events"], report["blocks"], report["withheld"]) == ("ok", 2, 2, 8)
    assert len((folder / "events.jsonl").read_bytes().splitlines()) == 2


def test_a_range_is_rounded_out_to_blocks_and_shows_its_neighbours(log: Log) -> None:
    times = "FROM audit.events AS e WHERE tenant_id = 'acme' AND block_number = 2"
    at = one(log.db, f"SELECT min(e.occurred_at)::text {times}")
    end = one(log.db, f"SELECT max(e.occurred_at)::text {times}")
    folder = log.export("range", "--from", at, "--to", end)
    report = check(str(folder), [log.vkey])
    assert report["verdict"] == "ok" and report["events"] == 5
    assert (report["first_block"], report["last_block"]) == (2, 2)
    assert len((folder / "blocks.jsonl").read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "tenant", "message"),
    [
        ((), "nobody", "Nothing of tenant nobody is sealed"),
        (("--from", "2999-01-01"), "acme", "No sealed event"),
        (("--event", "999999999"), "acme", "999999999"),
    ],
)
def test_what_is_not_in_the_log_cannot_be_concluded(
    log: Log, options: tuple[str, ...], tenant: str, message: str
) -> None:
    answer = log.answer(log.folder / "none", *options, tenant=tenant)
    assert answer.code == 4 and message in answer.err
    assert not (log.folder / "none").exists()


def test_an_event_of_another_tenant_is_not_found(log: Log) -> None:
    query = "SELECT max(event_id) FROM audit.change_events WHERE tenant_id = %s"
    event = one(log.db, query, [OTHER[0]])
    assert log.answer(log.folder / "none", "--event", str(event)).code == 4


def test_a_folder_with_something_in_it_is_left_alone(log: Log, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    answer = log.answer(tmp_path)
    assert answer.code == 2 and "something already" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_nothing_half_done_is_left_behind(log: Log, tmp_path: Path) -> None:
    assert log.answer(tmp_path / "none", tenant="nobody").code == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [("--event", "1", "--from", "2026-01-01"), ("--from", "yesterday")])
def test_options_that_make_no_sense_are_refused(log: Log, options: tuple[str, ...]) -> None:
    assert log.answer(log.folder / "none", *options).code == 2


def test_verify_offline_says_the_same(log: Log, whole: Path) -> None:
    answer = run("verify", "--offline", str(whole), "--policy", str(log.policy), "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["verdict"], answer.json["integrity"]) == ("ok", "signed")
    (tenant,) = answer.json["tenants"]
    assert (tenant["tenant_id"], tenant["checked"]) == ("acme", 15)
    assert {tenant["levels"][level] for level in ("events", "chain", "checkpoint")} == {"ok"}
    assert "none is left out" in run("verify", "--offline", str(whole)).out


def test_verify_offline_without_evidence_is_not_concluded(tmp_path: Path) -> None:
    answer = run("verify", "--offline", str(tmp_path / "absent"), "--json")
    assert answer.code == 4 and answer.json["verdict"] == "unknown"
    assert run("verify", "--offline", str(tmp_path), "--all").code == 2


def test_what_was_recorded_of_each_table_is_stated(log: Log, whole: Path) -> None:
    told = json.loads((whole / "tables.json").read_bytes())
    tables = {table["table_id"] for table in told["tables"]}
    assert {item["table_id"] for item in told["recorded"]} == tables
    for item in told["recorded"]:
        assert item["kind"] == "table-enabled" and item["recorded_when"] is None
        assert json.loads(item["operations"]) == ["insert", "update", "delete", "truncate"]
        declared = "SELECT operation::text FROM audit.change_events WHERE event_id = %s"
        assert one(log.db, declared, [item["event_id"]]) == "C"

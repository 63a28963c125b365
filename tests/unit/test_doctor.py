"""What the checks of `doctor` make of the facts; no database is needed."""

from __future__ import annotations

from typing import Any

import pytest

from pgaudit_kit.doctor import CHECKS
from pgaudit_kit.doctor.capture import EventTriggers, event_triggers
from pgaudit_kit.doctor.log import Grants, default_partitions, grants, partitions, public, seal_lag, sealer
from pgaudit_kit.doctor.model import Finding, counted, duration
from pgaudit_kit.doctor.server import (
    Privileges,
    Transactions,
    encoding,
    prepared,
    privileges,
    server,
    transactions,
)
from pgaudit_kit.doctor.source import Sealing
from pgaudit_kit.render import Roles


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def sealing(**facts: Any) -> Sealing:
    base = {"blocks": 1, "tenants": 1, "sealed_events": 1, "sealed_at": None, "age_s": 1.0}
    return Sealing(**{**base, "unsealed": 0, "oldest_unsealed_s": None, **facts})


def test_names_are_distinct():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("unsealed", "oldest", "expected"),
    [
        (0, None, []),
        (3, 2.0, ["ok"]),
        (3, 20.0, ["warn"]),
        (3, 500.0, ["fail"]),
        (None, None, ["warn"]),
        (100_001, 1.0, ["ok"]),
    ],
)
def test_seal_lag(unsealed: int | None, oldest: float | None, expected: list[str]):
    assert levels(seal_lag.judge(sealing(unsealed=unsealed, oldest_unsealed_s=oldest))) == expected


@pytest.mark.parametrize(
    ("age", "oldest", "expected"),
    [
        (5.0, 500.0, []),
        (None, 3.0, ["warn"]),
        (None, 300.0, ["fail"]),
        (600.0, None, ["warn"]),
        (600.0, 300.0, ["fail"]),
    ],
)
def test_sealer(age: float | None, oldest: float | None, expected: list[str]):
    facts = sealing(age_s=age, unsealed=1 if oldest else 0, oldest_unsealed_s=oldest)
    assert levels(sealer.judge(facts)) == expected


@pytest.mark.parametrize(("ahead", "expected"), [(None, ["fail"]), (10.0, ["warn"]), (60.0, [])])
def test_partitions(ahead: float | None, expected: list[str]):
    assert levels(partitions.judge([{"name": "t", "ahead_s": ahead, "premade_s": 100.0}])) == expected


@pytest.mark.parametrize(("rows", "expected"), [(None, ["fail"]), (0, []), (7, ["warn"]), (10_001, ["warn"])])
def test_default_partitions(rows: int | None, expected: list[str]):
    facts = [{"name": "t", "default_partition": "t_default", "in_default": rows}]
    assert levels(default_partitions.judge(facts)) == expected


@pytest.mark.parametrize(
    ("kind", "name", "grantee", "privilege", "fine"),
    [
        ("schema", "audit", "PUBLIC", "USAGE", True),
        ("schema", "audit", "PUBLIC", "CREATE", False),
        ("function", "set_context", "PUBLIC", "EXECUTE", True),
        ("function", "seal", "PUBLIC", "EXECUTE", False),
        ("function", "seal", "pgaudit_kit_sealer", "EXECUTE", True),
        ("function", "seal", "somebody", "EXECUTE", False),
        ("table", "change_events", "pgaudit_kit_view", "SELECT", True),
        ("table", "change_events", "pgaudit_kit_view", "INSERT", False),
        ("table", "change_events", "pgaudit_kit_reader", "SELECT", False),
        ("table", "change_events.actor_id", "somebody", "SELECT", False),
        ("table", "change_events_p20200101", "pgaudit_kit_view", "SELECT", False),
        ("view", "events", "pgaudit_kit_reader", "SELECT", True),
        ("view", "events", '"Some Body"', "SELECT", False),
        ("sequence", "event_id_seq", "PUBLIC", "USAGE", False),
    ],
)
def test_grants(kind: str, name: str, grantee: str, privilege: str, fine: bool):
    row = {"kind": kind, "object": name, "grantee": grantee, "privilege": privilege}
    facts = Grants(roles=Roles(), rows=[row])
    findings = grants.judge(facts) + public.judge(facts)
    assert levels(findings) == ([] if fine else ["fail"])


@pytest.mark.parametrize(
    ("enabled", "allowed", "expected"),
    [
        ({"a": "A", "b": "A"}, False, []),
        ({}, False, ["warn"]),
        ({}, True, ["fail", "fail"]),
        ({"a": "A"}, False, ["fail"]),
        ({"a": "A", "b": "D"}, True, ["fail"]),
        ({"a": "A", "b": "O"}, True, ["fail"]),
    ],
)
def test_event_triggers(enabled: dict[str, str], allowed: bool, expected: list[str]):
    facts = EventTriggers(wanted=("a", "b"), enabled=enabled, allowed=allowed)
    assert levels(event_triggers.judge(facts)) == expected


ROLE = {
    "role": "r",
    "superuser": False,
    "may_create_roles": True,
    "may_create_schemas": True,
    "acts_for_owner": True,
    "member_of_owner": True,
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"acts_for_owner": False, "member_of_owner": False}, ["fail"]),
        ({"acts_for_owner": False}, ["fail"]),
        ({"may_create_roles": False}, ["warn"]),
        ({"may_create_schemas": False}, ["warn"]),
    ],
)
def test_privileges(facts: dict[str, Any], expected: list[str]):
    found = privileges.judge(Privileges(role={**ROLE, **facts}, owner="o", others=[]))
    assert levels(found) == expected


def test_tables_of_others_are_a_warning():
    facts = Privileges(role=ROLE, owner="o", others=[{"relation": "t", "owner": "x"}])
    assert levels(privileges.judge(facts)) == ["warn"]


@pytest.mark.parametrize(
    ("kind", "age", "expected"),
    [("open", 100.0, 0), ("open", 4_000.0, 1), ("prepared", 100.0, 0), ("prepared", 700.0, 1)],
)
def test_old_transactions(kind: str, age: float, expected: int):
    facts = Transactions(rows=[{"kind": kind, "what": "x", "state": "idle", "age_s": age}], sees_all=True)
    judge = transactions.judge if kind == "open" else prepared.judge
    assert levels(judge(facts)) == ["warn"] * expected


def test_what_cannot_be_seen_is_said():
    assert "pg_read_all_stats" in transactions.judge(Transactions(rows=[], sees_all=False))[0].message


@pytest.mark.parametrize(("name", "level"), [("UTF8", "ok"), ("LATIN1", "ok"), ("SQL_ASCII", "fail")])
def test_encoding(name: str, level: str):
    assert levels(encoding.judge(name)) == [level]


@pytest.mark.parametrize(("number", "level"), [(130_010, "fail"), (140_000, "ok"), (180_001, "ok")])
def test_server_version(number: int, level: str):
    facts = {"version_num": number, "version": "x", "in_recovery": False}
    assert levels(server.judge(facts)) == [level]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (3.4, "3 s"), (119, "119 s"), (180, "3 min"), (7_300, "2 h"), (200_000, "2 days")],
)
def test_duration(seconds: float, text: str):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "limit", "text"),
    [(0, None, "0 events"), (1, None, "1 event"), (2_000, 5_000, "2,000 events"), (11, 10, "10+ events")],
)
def test_counted(number: int, limit: int | None, text: str):
    assert counted(number, "event", limit=limit) == text

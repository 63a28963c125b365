"""Partitions that come, go and are truncated: what the log says of them, and what it cannot be made to say."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel, sql

from tests.capture.helpers import controls, enable, events, one, quoted
from tests.kit import Kit
from tests.servers import Database, connect

TABLE = """
    CREATE TABLE public.t (id int, region text, a text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE public.eu PARTITION OF public.t FOR VALUES IN ('eu');
    CREATE TABLE public.rest PARTITION OF public.t DEFAULT PARTITION BY RANGE (id);
    CREATE TABLE public.low PARTITION OF public.rest FOR VALUES FROM (MINVALUE) TO (100)
"""
LIKE = "CREATE TABLE {0} (a text, region text NOT NULL, id int NOT NULL)"
"""As public.t, its columns in another order."""
Connection = psycopg.Connection[Any]


@pytest.fixture
def t(kit_db: Database) -> Database:
    """A database in which public.t, with a partition and one of two levels, is audited."""
    kit_db.execute(TABLE.encode())
    owning, member = kit_db.role("owning", "NOLOGIN"), kit_db.role("member", "LOGIN INHERIT")
    kit_db.execute(f'GRANT "{owning}" TO "{member}"; GRANT CREATE ON SCHEMA public TO "{owning}"')
    for name in ("t", "eu", "rest", "low"):
        kit_db.execute(f'ALTER TABLE public.{name} OWNER TO "{owning}"')
    enable(kit_db, "public.t")
    return kit_db


@pytest.fixture
def owner(t: Database) -> Connection:
    """A connection of an ordinary role that is a mere member of the tables' owner."""
    return connect(t, t.roles[1])


def said(db: Database, *kinds: str) -> list[dict[str, Any]]:
    """The control events of these kinds, without the statement."""
    leave = {"command", "query"}
    return [
        {key: value for key, value in event.items() if key not in leave}
        for event in controls(db)
        if event["kind"] in kinds or (not kinds and event["kind"].startswith(("partition-", "child-")))
    ]


def triggers(db: Database, table: str) -> list[tuple[str, str, str]]:
    """The kit's triggers on a table: name, how enabled, comment."""
    return db.execute(
        "SELECT g.tgname, g.tgenabled::text, left(obj_description(g.oid), 20) FROM pg_trigger AS g"
        " WHERE g.tgrelid = to_regclass(%s) AND g.tgname LIKE '00\\_pgaudit%%truncate%%' ORDER BY 1",
        [table],
    ).fetchall()


def baseline(db: Database) -> list[tuple[str | None, dict[str, Any]]]:
    return [(event.record_key, event.new) for event in events(db) if event.operation == "BASELINE"]


def truncated(db: Database, *statements: str) -> list[str | None]:
    """What TRUNCATE events these statements gave: the partition they name, None for the whole table."""
    before = one(db, "SELECT coalesce(max(event_id), 0) FROM audit.change_events")
    for statement in statements:
        db.execute(statement.encode())
    return [event.new.get("partition") for event in events(db, before) if event.operation == "TRUNCATE"]


MAKE = {
    "made": "CREATE TABLE public.asia PARTITION OF public.t FOR VALUES IN ('asia')",
    "made-below": "CREATE TABLE public.asia PARTITION OF public.rest FOR VALUES FROM (100) TO (200)",
    "attached": LIKE.format("public.asia")
    + "; ALTER TABLE public.t ATTACH PARTITION public.asia FOR VALUES IN ('asia')",
    "attached-tree": LIKE.format("public.tree")
    + " PARTITION BY RANGE (id); CREATE TABLE public.asia PARTITION OF public.tree DEFAULT;"
    "ALTER TABLE public.t ATTACH PARTITION public.tree FOR VALUES IN ('asia')",
}


@pytest.mark.parametrize("how", MAKE)
def test_new_partition_gets_its_truncate_triggers(t: Database, owner: Connection, how: str):
    owner.execute(MAKE[how].encode())
    armed = triggers(t, "public.asia")
    assert [state for _, state, _ in armed] == ["A", "A"]
    assert truncated(t, "TRUNCATE public.asia", "TRUNCATE public.t") == ["public.asia", None]
    assert Kit(t.dsn).plan() == []
    assert not [event for event in controls(t) if event["kind"] == "triggers-changed"]


def test_new_partition_is_no_failure_for_doctor(t: Database, owner: Connection):
    owner.execute(MAKE["made"].encode())
    checks = {check["name"]: check for check in Kit(t.dsn)("doctor", "--json").json["checks"]}
    for name in ("triggers", "objects"):
        assert checks[name]["level"] == "ok", checks[name]


def test_lent_privileges_are_taken_back(t: Database, owner: Connection):
    owner.execute(LIKE.format("public.asia").encode())
    owner.execute(b"INSERT INTO public.asia VALUES ('x', 'asia', 1)")
    owner.execute(b"ALTER TABLE public.t ATTACH PARTITION public.asia FOR VALUES IN ('asia')")
    rows = t.execute(
        "SELECT relname FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) AS a"
        " WHERE relnamespace = 'public'::regnamespace AND a.grantee = 'pgaudit_kit_owner'::regrole"
    ).fetchall()
    assert rows == []


def test_rows_that_come_along_are_recorded(t: Database, owner: Connection):
    owner.execute(LIKE.format("public.asia").encode())
    owner.execute(b"INSERT INTO public.asia VALUES ('x', 'asia', 1), ('y', 'asia', 2)")
    owner.execute(b"ALTER TABLE public.t ATTACH PARTITION public.asia FOR VALUES IN ('asia')")
    assert baseline(t) == [
        ('["1", "asia"]', {"id": "1", "region": "asia", "a": "x"}),
        ('["2", "asia"]', {"id": "2", "region": "asia", "a": "y"}),
    ]
    assert said(t) == [
        {
            "kind": "partition-attached",
            "table": "public.t",
            "partition": "public.asia",
            "baseline": True,
            "rows": "2",
        }
    ]
    assert {event.table_name for event in events(t)} == {"public.t"}

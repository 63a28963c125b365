"""Plain inheritance: a write to the parent changes the children's rows, so these are audited too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.capture.helpers import controls, enable, events, one
from tests.kit import Kit, run
from tests.servers import Database

TABLES = """
    CREATE TABLE public.parent (id int PRIMARY KEY, tenant text, a text);
    CREATE TABLE public.child (b text) INHERITS (public.parent);
    CREATE TABLE public.grandchild (c text) INHERITS (public.child);
    INSERT INTO public.parent VALUES (1, 't', 'x');
    INSERT INTO public.child VALUES (2, 't', 'x', 'b');
    INSERT INTO public.grandchild VALUES (3, 't', 'x', 'b', 'c')
"""


@pytest.fixture
def family(kit_db: Database) -> Database:
    """A parent, its child and its grandchild, audited by the parent's declaration."""
    kit_db.execute(TABLES.encode())
    enable(kit_db, "public.parent", "--tenant-column", "tenant")
    return kit_db


def written(db: Database, *statements: str) -> list[tuple[str, str, str | None, str]]:
    """What these statements recorded: operation, table, key, tenant."""
    before = one(db, "SELECT coalesce(max(event_id), 0) FROM audit.change_events")
    for statement in statements:
        db.execute(statement.encode())
    return [(e.operation, e.table_name, e.record_key, e.tenant_id) for e in events(db, before)]


def said(db: Database, *kinds: str) -> list[dict[str, Any]]:
    leave = {"command", "query"}
    return [{k: v for k, v in c.items() if k not in leave} for c in controls(db) if c["kind"] in kinds]


def audited(db: Database) -> set[str]:
    rows = db.execute(
        "SELECT format('public.%s', relation) FROM audit.audited_tables WHERE enabled"
    ).fetchall()
    return {name for (name,) in rows}


def doctor(db: Database) -> dict[str, Any]:
    """What doctor says, by check; how it ends depends on how old the events are that nobody seals."""
    answer = run("--dsn", db.dsn, "doctor", "--json")
    return {check["name"]: check for check in answer.json["checks"]}


def test_a_write_to_the_parent_is_recorded_of_each_child(family: Database):
    assert written(family, "UPDATE public.parent SET a = 'y'") == [
        ("UPDATE", "public.parent", "1", "t"),
        ("UPDATE", "public.child", "2", "t"),
        ("UPDATE", "public.grandchild", "3", "t"),
    ]
    assert [name for _, name, _, _ in written(family, "DELETE FROM public.child")] == [
        "public.child",
        "public.grandchild",
    ]


def test_truncating_the_parent_is_an_event_of_each_table(family: Database):
    operations = [
        ("TRUNCATE", f"public.{name}", None, "default") for name in ("parent", "child", "grandchild")
    ]
    assert written(family, "TRUNCATE public.parent") == operations
    assert written(family, "TRUNCATE ONLY public.parent") == operations[:1]


def test_children_are_shown_and_a_second_apply_does_nothing(kit_db: Database):
    kit_db.execute(TABLES.encode())
    kit = Kit(kit_db.dsn)
    answer = kit("enable", "public.parent", "--dry-run", "--json").json
    why = {change["target"]: change["why"] for change in answer["changes"] if change["kind"] == "registry"}
    assert why["public.grandchild"] == "inherits from public.parent, which is audited"
    kit("enable", "public.parent")
    assert kit.plan() == []


def test_a_baseline_has_each_row_once(kit_db: Database):
    kit_db.execute(TABLES.encode())
    enable(kit_db, "public.parent", "--baseline")
    rows = [(event.table_name, event.record_key) for event in events(kit_db)]
    assert rows == [("public.parent", "1"), ("public.child", "2"), ("public.grandchild", "3")]


def test_disabling_the_parent_ends_the_children(family: Database):
    Kit(family.dsn)("disable", "public.parent", "--yes")
    assert audited(family) == set()
    assert written(family, "UPDATE public.parent SET a = 'y'") == []


def test_a_child_that_is_declared_keeps_its_own_declaration(kit_db: Database, tmp_path: Path):
    kit_db.execute(TABLES.encode())
    kit_db.execute(b"ALTER TABLE public.child ADD PRIMARY KEY (b)")
    kit = Kit(kit_db.dsn, tmp_path / "pgaudit.toml")
    kit.declare(
        '[[tables]]\nname = "public.parent"\n[[tables]]\nname = "public.child"\nexclude = ["tenant"]\n'
    )
    kit("apply", "--yes")
    assert kit.plan() == []
    keys = {name: key for _, name, key, _ in written(kit_db, "UPDATE public.parent SET a = 'y'")}
    assert keys == {"public.parent": "1", "public.child": "b", "public.grandchild": "b"}
    Kit(kit_db.dsn)("enable", "public.parent")
    assert Kit(kit_db.dsn).plan() == []
    assert one(kit_db, "SELECT count(*) FROM audit.audited_tables WHERE declaration ? 'inherited_from'") == 1


def test_of_two_parents_the_first_declared_counts(kit_db: Database, tmp_path: Path):
    kit_db.execute(
        "CREATE TABLE public.one (id int PRIMARY KEY, n int); CREATE TABLE public.two (n int PRIMARY KEY);"
        "CREATE TABLE public.heir () INHERITS (public.one, public.two); INSERT INTO public.heir VALUES (1, 2)"
    )
    kit = Kit(kit_db.dsn, tmp_path / "pgaudit.toml")
    kit.declare('[[tables]]\nname = "public.two"\n[[tables]]\nname = "public.one"\n')
    kit("apply", "--yes")
    assert kit.plan() == []
    assert written(kit_db, "UPDATE public.one SET n = 3") == [("UPDATE", "public.heir", "2", "default")]


MAKE = {
    "made": "CREATE TABLE public.late () INHERITS (public.parent)",
    "joined": "CREATE TABLE public.late (id int NOT NULL, tenant text, a text);"
    "INSERT INTO public.late VALUES (9, 't', 'z'); ALTER TABLE public.late INHERIT public.parent",
    "below": "CREATE TABLE public.late () INHERITS (public.grandchild)",
}
ABOVE = {"made": "public.parent", "joined": "public.parent", "below": "public.grandchild"}


@pytest.mark.parametrize("how", MAKE)
def test_a_late_child_is_told_of_and_the_next_apply_takes_it_in(family: Database, how: str):
    family.execute(MAKE[how].encode())
    event = {"kind": "child-not-audited", "table": ABOVE[how], "child": "public.late"}
    assert said(family, "child-not-audited") == [event]
    kit = Kit(family.dsn)
    checks = doctor(family)
    assert [f["message"] for f in checks["descendants"]["findings"]] == [
        "public.late: inherits from public.parent, which is audited."
    ]
    kit("apply", "--yes")
    assert kit.plan() == [] and doctor(family)["descendants"]["level"] == "ok"
    rows = [(e.record_key, e.new["a"]) for e in events(family) if e.operation == "BASELINE"]
    assert rows == ([("9", "z")] if how == "joined" else [])
    assert ("INSERT", "public.late", "5", "t") in written(
        family, "INSERT INTO public.late VALUES (5, 't', 'q')"
    )


def test_a_child_that_leaves_is_told_of_and_is_audited_until_the_next_apply(family: Database):
    family.execute(b"ALTER TABLE public.grandchild NO INHERIT public.child")
    event = {"kind": "child-detached", "table": "public.child", "child": "public.grandchild"}
    assert said(family, "child-detached") == [event]
    assert [name for _, name, _, _ in written(family, "UPDATE public.grandchild SET a = 'y'")] == [
        "public.grandchild"
    ]
    Kit(family.dsn)("apply", "--yes")
    assert audited(family) == {"public.parent", "public.child"}


def test_a_dropped_child_is_recorded(family: Database):
    family.execute(b"DROP TABLE public.grandchild")
    assert [event["table"] for event in said(family, "table-dropped")] == ["public.grandchild"]
    assert {kind for _, kind, _ in Kit(family.dsn).plan()} == {"function"}


def test_a_child_that_was_never_audited_is_recorded_when_it_is_dropped(family: Database):
    family.execute(b"CREATE TABLE public.late () INHERITS (public.parent)")
    family.execute(b"DROP TABLE public.late")
    event = {"kind": "child-dropped", "table": "public.parent", "child": "public.late"}
    assert said(family, "child-dropped") == [event]


def test_renaming_a_column_of_the_parent_reaches_the_children(family: Database):
    family.execute(b"ALTER TABLE public.parent RENAME a TO renamed")
    before = one(family, "SELECT max(event_id) FROM audit.change_events")
    family.execute(b"UPDATE public.parent SET renamed = 'y'")
    assert [(e.table_name, e.new) for e in events(family, before)] == [
        (f"public.{name}", {"renamed": "y"}) for name in ("parent", "child", "grandchild")
    ]

"""The application changes its tables, and no event trigger tells the kit: no write fails, none is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.managed.service import Shop
from tests.sealing import assert_sound, seal_all, sealed_once

pytestmark = pytest.mark.own_programs

TABLE = """
    CREATE TABLE shop.t (id int PRIMARY KEY, tenant text, a text, mail text, hidden text);
    INSERT INTO shop.t VALUES (1, 'acme', 'x', 'm', 'h')
"""
DECLARED = ("--tenant-column", "tenant", "--personal", "mail", "--exclude", "hidden")


def judged(shop: Shop, *, told: bool = True) -> None:
    """Whatever happened is sealed once, and the next apply makes capture fit again."""
    seal_all(shop.service)
    assert sealed_once(shop.service)
    assert_sound(shop.service)
    shop.kit("verify", "--all", code=0 if told else 4)
    shop.kit("apply", "--yes")
    assert shop.kit.plan() == []
    if not told:
        shop.kit("seal")
        shop.kit("verify", "--all")
    shop.kit("doctor")


@pytest.mark.parametrize(
    ("change", "write", "old", "new"),
    [
        ("ALTER TABLE shop.t ADD b int DEFAULT 5", "SET b = 6", {"b": 5}, {"b": 6}),
        ("ALTER TABLE shop.t RENAME a TO name", "SET name = 'y'", {"name": "x"}, {"name": "y"}),
        ("ALTER TABLE shop.t ALTER a TYPE int USING 7", "SET a = 8", {"a": 7}, {"a": 8}),
        ("ALTER TABLE shop.t DROP mail", "SET a = 'y'", {"a": "x"}, {"a": "y"}),
        ("ALTER TABLE shop.t DROP hidden", "SET a = 'y'", {"a": "x"}, {"a": "y"}),
        ("ALTER TABLE shop.t DROP a, ADD a int", "SET a = 1", {"a": None}, {"a": 1}),
        ("ALTER TABLE shop.t RENAME id TO nr", "SET a = 'y'", {"a": "x"}, {"a": "y"}),
        ("ALTER TABLE shop.t RENAME tenant TO whose", "SET a = 'y'", {"a": "x"}, {"a": "y"}),
        (
            "ALTER TABLE shop.t ADD g int GENERATED ALWAYS AS (id * 2) STORED",
            "SET a = 'y'",
            {"a": "x"},
            {"a": "y"},
        ),
    ],
)
def test_a_write_after_a_change_of_columns_is_recorded(
    shop: Shop, change: str, write: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    shop.owner.execute(TABLE.encode())
    shop.kit("enable", "shop.t", *DECLARED)
    shop.owner.execute(change.encode())
    shop.app.execute(f"UPDATE shop.t {write}".encode())
    assert shop.events() == [("U", "shop.t", "1", old, new)]
    tenants = shop.service.execute(
        "SELECT tenant_id FROM audit.change_events WHERE operation = 'U'"
    ).fetchall()
    assert tenants == [("acme",)]
    judged(shop, told="RENAME id" not in change)  # which key it has now nobody has told the kit


def test_excluded_and_personal_columns_stay_so_under_another_name(shop: Shop) -> None:
    shop.owner.execute(TABLE.encode())
    shop.kit("enable", "shop.t", *DECLARED)
    shop.owner.execute("ALTER TABLE shop.t RENAME mail TO email")
    shop.owner.execute("ALTER TABLE shop.t RENAME hidden TO secret")
    shop.app.execute("UPDATE shop.t SET email = 'm2', secret = 'h2', a = 'y'")
    ((*_, old, new),) = shop.events()
    assert (old, new) == ({"a": "x"}, {"a": "y"})
    kept = shop.service.execute("SELECT old_values, new_values FROM audit.personal_values").fetchall()
    assert kept == [({"email": "m"}, {"email": "m2"})]
    judged(shop)


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE shop.t RENAME TO u", "ALTER TABLE shop.t SET SCHEMA other"],
    ids=["name", "schema"],
)
def test_a_table_that_moves_away_goes_on_being_recorded(shop: Shop, change: str) -> None:
    shop.boss.execute("CREATE SCHEMA other AUTHORIZATION shop_owner")
    shop.owner.execute(TABLE.encode())
    shop.kit("enable", "shop.t", *DECLARED)
    shop.owner.execute("GRANT USAGE ON SCHEMA other TO shop_app")
    shop.owner.execute(change.encode())
    moved = "shop.u" if "RENAME" in change else "other.t"
    shop.app.execute(f"UPDATE {moved} SET a = 'y'".encode())
    ((operation, _, key, *values),) = shop.events()
    assert (operation, key, values) == ("U", "1", [{"a": "x"}, {"a": "y"}])
    judged(shop)
    shop.app.execute(f"UPDATE {moved} SET a = 'z'".encode())
    assert shop.events()[-1][1] == moved


def test_the_key_may_go_and_come_back(shop: Shop) -> None:
    shop.owner.execute(TABLE.encode())
    shop.kit("enable", "shop.t", *DECLARED)
    shop.owner.execute("ALTER TABLE shop.t DROP id")
    shop.app.execute("UPDATE shop.t SET a = 'y'")
    shop.owner.execute("ALTER TABLE shop.t ADD id int PRIMARY KEY DEFAULT 9")
    shop.app.execute("UPDATE shop.t SET a = 'z'")
    assert [(operation, old, new) for operation, _, _, old, new in shop.events()] == [
        ("U", {"a": "x"}, {"a": "y"}),
        ("U", {"a": "y"}, {"a": "z"}),
    ]
    judged(shop)


PARTITIONED = """
    CREATE TABLE shop.p (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);
    CREATE TABLE shop.p1 PARTITION OF shop.p FOR VALUES FROM (0) TO (10);
    INSERT INTO shop.p VALUES (1, 'x')
"""


def test_rows_of_new_partitions_are_recorded_and_apply_adds_their_truncate_trigger(shop: Shop) -> None:
    shop.owner.execute(PARTITIONED.encode())
    shop.kit("enable", "shop.p")
    shop.owner.execute(
        "CREATE TABLE shop.p2 PARTITION OF shop.p FOR VALUES FROM (10) TO (20);"
        "CREATE TABLE shop.p3 (id int PRIMARY KEY, a text); INSERT INTO shop.p3 VALUES (25, 'there');"
        "ALTER TABLE shop.p ATTACH PARTITION shop.p3 FOR VALUES FROM (20) TO (30)"
    )
    shop.app.execute("INSERT INTO shop.p VALUES (11, 'y')")
    shop.app.execute("UPDATE shop.p3 SET a = 'z' WHERE id = 25")
    shop.app.execute("UPDATE shop.p SET id = 15 WHERE id = 1")
    assert [event[:3] for event in shop.events()] == [
        ("I", "shop.p", "11"), ("U", "shop.p", "25"), ("D", "shop.p", "1"), ("I", "shop.p", "15"),
    ]  # fmt: skip
    answer = shop.kit("doctor", "--json", code=1).json
    (said,) = [check["findings"] for check in answer["checks"] if check["name"] == "triggers"]
    assert [finding["message"] for finding in said] == [
        f"shop.{leaf}: trigger 00_pgaudit_kit_audit_{trigger} is missing."
        for leaf in ("p2", "p3")
        for trigger in ("truncate", "truncate_before")
    ]
    judged(shop)
    shop.app.execute("TRUNCATE shop.p2")
    assert shop.events()[-1][0] == "T"
    shop.owner.execute("ALTER TABLE shop.p DETACH PARTITION shop.p3")
    shop.app.execute("DELETE FROM shop.p3")
    judged(shop)


@pytest.mark.parametrize("which", ["ALL", "USER"])
def test_triggers_that_were_off_and_on_record_and_apply_puts_them_back_to_always(
    shop: Shop, which: str
) -> None:
    shop.owner.execute(TABLE.encode())
    shop.kit("enable", "shop.t", *DECLARED)
    if which == "ALL":  # which takes a superuser where a foreign key has triggers of its own
        shop.owner.execute("CREATE TABLE shop.plain (id int)")
    shop.owner.execute(f"ALTER TABLE shop.t DISABLE TRIGGER {which}".encode())
    shop.owner.execute(f"ALTER TABLE shop.t ENABLE TRIGGER {which}".encode())
    shop.app.execute("UPDATE shop.t SET a = 'y'")
    assert [event[0] for event in shop.events()] == ["U"]
    answer = shop.kit("doctor", "--json", code=1).json
    (said,) = [check["findings"] for check in answer["checks"] if check["name"] == "triggers"]
    assert all("is not ALWAYS" in finding["message"] for finding in said)
    found = shop.kit("verify", "--all", "--json", code=1).json["findings"]
    assert {one["kind"] for one in found} <= {"trigger-off", "config-changed"}
    shop.kit("apply", "--yes")
    assert shop.kit.plan() == []
    seal_all(shop.service)
    assert sealed_once(shop.service)
    assert_sound(shop.service)
    shop.kit("doctor")


def test_a_dropped_table_leaves_its_events_and_a_new_one_is_not_it(shop: Shop) -> None:
    shop.owner.execute(TABLE.encode())
    shop.kit("enable", "shop.t", *DECLARED)
    shop.app.execute("UPDATE shop.t SET a = 'y'")
    shop.owner.execute("DROP TABLE shop.t")
    shop.owner.execute(TABLE.encode())
    shop.app.execute("UPDATE shop.t SET a = 'y'")
    assert len(shop.events()) == 1
    answer = shop.kit("doctor", "--json", code=1).json
    (said,) = [check["findings"] for check in answer["checks"] if check["name"] == "triggers"]
    assert "is gone" in said[0]["message"]
    shop.kit("apply", "--yes")
    shop.kit("enable", "shop.t", *DECLARED)
    shop.app.execute("UPDATE shop.t SET a = 'z'")
    assert len(shop.events()) == 2
    judged(shop)

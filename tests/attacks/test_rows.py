"""Rows that were written past the triggers are found; what only looks like it is none."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pgaudit_kit.db import connect
from pgaudit_kit.timeouts import Timeouts
from pgaudit_kit.verify.rows import RowsLevels
from pgaudit_kit.verify.session import snapshot
from tests.conftest import install_kit
from tests.kit import Answer, run
from tests.sealing import seal_all
from tests.servers import Database, PgServer

ROW_TRIGGER = '"00_pgaudit_kit_audit_row"'


@pytest.fixture
def shop(server: PgServer) -> Iterator[Database]:
    """Items of two tenants, all recorded and sealed."""
    with server.database(server.template("shop", build_shop)) as database:
        yield database


def build_shop(dsn: str) -> None:
    install_kit(dsn)
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(
            "CREATE TABLE public.item (id integer PRIMARY KEY, tenant text, name text,"
            " price numeric, note json);"
            "CREATE TABLE public.old (id integer PRIMARY KEY, name text);"
            "INSERT INTO public.old VALUES (1, 'x');"
            "CREATE TABLE public.part (id integer, day date, v text, PRIMARY KEY (id, day))"
            " PARTITION BY RANGE (day);"
            "CREATE TABLE public.part_1 PARTITION OF public.part DEFAULT;"
            "CREATE TABLE public.person (id integer PRIMARY KEY, email text, name text)"
        )
        enable(dsn, "public.item", "--tenant-column", "tenant")
        enable(dsn, "public.old")
        enable(dsn, "public.part")
        enable(dsn, "public.person", "--personal", "email")
        db.execute(
            "INSERT INTO public.item SELECT i, 't' || i % 2, 'n' || i, i, '{}'"
            " FROM generate_series(1, 6) AS i"
        )
        db.execute("UPDATE public.item SET price = 1.50 WHERE id = 1")
        db.execute("UPDATE public.item SET id = 70, name = 'moved' WHERE id = 6")
        db.execute("UPDATE public.item SET tenant = 't0' WHERE id = 3")
        db.execute("DELETE FROM public.item WHERE id = 5")
        db.execute("INSERT INTO public.part VALUES (1, '2026-01-05', 'a'), (2, '2026-01-06', 'b')")
        db.execute("INSERT INTO public.person VALUES (1, 'a@example.org', 'A')")
        db.execute("UPDATE public.person SET email = 'b@example.org'")
        seal_all(db)


def enable(dsn: str, *args: str) -> None:
    answer = run("--dsn", dsn, "enable", *args)
    assert answer.code == 0, answer.err


def verify(db: Database, *args: str) -> Answer:
    seal_all(db)
    return run("--dsn", db.dsn, "verify", *(args or ("--all",)), "--json")


def found(answer: Answer) -> set[tuple[str, str | None, str | None]]:
    levels = ("completeness", "replay")
    return {
        (one["kind"], one["tenant_id"], one["record_key"])
        for one in answer.json["findings"]
        if one["level"] in levels and one["kind"] != "config-changed"
    }


def past_the_triggers(db: Database, *statements: str, table: str = "public.item") -> None:
    """As the table's owner does it: off, write, on."""
    db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in statements:
        db.execute(statement)
    for (name,) in db.execute(
        "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
        [table],
    ).fetchall():
        db.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def test_all_is_in_order(shop: Database) -> None:
    answer = verify(shop)
    assert (answer.code, answer.json["findings"]) == (0, []), answer.out
    levels = {(t["levels"]["completeness"], t["levels"]["replay"]) for t in answer.json["tenants"]}
    assert levels == {("ok", "ok")}
    assert {t["tenant_id"]: t["not_covered"] for t in answer.json["tenants"]} == {
        "_system": 0,
        "default": 1,
        "t0": 0,
        "t1": 0,
    }


CHANGED, ADDED = {"row-unrecorded", "replay-differs"}, {"row-unrecorded", "replay-extra-row"}


@pytest.mark.parametrize(
    ("statement", "kinds", "tenant", "key"),
    [
        ("UPDATE public.item SET price = 99 WHERE id = 2", CHANGED, "t0", "2"),
        ("UPDATE public.item SET price = 1.5 WHERE id = 1", CHANGED, "t1", "1"),
        ("UPDATE public.item SET note = '{ }' WHERE id = 2", CHANGED, "t0", "2"),
        ("UPDATE public.item SET name = 'x' WHERE id = 70", CHANGED, "t0", "70"),
        ("UPDATE public.item SET price = 99 WHERE id = 70", CHANGED, "t0", "70"),
        ("DELETE FROM public.item WHERE id = 4", {"replay-missing-row"}, "t0", "4"),
        ("INSERT INTO public.item VALUES (5, 't1', 'again', 1)", ADDED, "t1", "5"),
    ],
)
def test_a_write_with_the_trigger_off_is_found(
    shop: Database, statement: str, kinds: set[str], tenant: str, key: str
) -> None:
    past_the_triggers(shop, statement)
    answer = verify(shop)
    assert (answer.code, found(answer)) == (1, {(kind, tenant, key) for kind in kinds})


def test_what_many_changes_of_the_key_did_not_touch_is_compared(shop: Database) -> None:
    """Keys that are taken again, exchanged and given back; the values stay with their rows."""
    shop.execute("UPDATE public.item SET id = 71 WHERE id = 70; UPDATE public.item SET id = 6 WHERE id = 71")
    shop.execute("UPDATE public.item SET id = 70, name = 'b' WHERE id = 2")
    shop.execute("UPDATE public.item SET id = 2 WHERE id = 6; UPDATE public.item SET id = 6 WHERE id = 70")
    shop.execute("UPDATE public.item SET price = 8 WHERE id = 6")
    assert (verify(shop).code, found(verify(shop))) == (0, set())
    past_the_triggers(
        shop,
        "UPDATE public.item SET price = 99 WHERE id = 2",
        "UPDATE public.item SET note = '[]' WHERE id = 6",
    )
    assert found(verify(shop)) == {(kind, "t0", key) for kind in CHANGED for key in ("2", "6")}


def test_a_change_after_that_of_the_key_finds_what_was_left_before_it(shop: Database) -> None:
    past_the_triggers(shop, "UPDATE public.item SET price = 99 WHERE id = 70")
    shop.execute("UPDATE public.item SET price = 100 WHERE id = 70")
    assert found(verify(shop)) == {("continuity-broken", "t0", "70")}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE public.item ALTER COLUMN price TYPE numeric(12, 4)",
        "ALTER TABLE public.item ALTER COLUMN price TYPE text",
        "ALTER TABLE public.item ALTER COLUMN tenant TYPE varchar(20)",
        "ALTER TABLE public.item RENAME COLUMN price TO cost",
        "ALTER TABLE public.item RENAME COLUMN price TO x; UPDATE public.item SET x = 7 WHERE id = 2;"
        "ALTER TABLE public.item RENAME COLUMN x TO price",
    ],
)
def test_a_write_after_another_type_or_name_is_not_called_in_order(shop: Database, statement: str) -> None:
    shop.execute(statement)
    assert (verify(shop).code, found(verify(shop))) == (0, set())
    column = "cost" if statement.endswith("cost") else "price"
    past_the_triggers(shop, f"UPDATE public.item SET {column} = 99 WHERE id = 2")
    answer = verify(shop)
    assert (answer.code, found(answer)) == (4, set())
    what = "1 rows of public.item are not as events from before its definition changed left them"
    assert any(what in note["message"] and note["tenant_id"] == "t0" for note in answer.json["notes"])
    assert verify(shop, "--tenant", "t1").code == 0


def test_values_that_a_change_of_type_made_otherwise_cannot_be_told(shop: Database) -> None:
    shop.execute("ALTER TABLE public.item ALTER COLUMN price TYPE text USING 'x' || price")
    assert (verify(shop).code, found(verify(shop))) == (4, set())
    shop.execute("UPDATE public.item SET price = 'y'")
    assert (verify(shop).code, found(verify(shop))) == (0, set())


def test_a_table_that_lost_its_unique_key_cannot_be_told(shop: Database) -> None:
    shop.execute("ALTER TABLE public.item DROP CONSTRAINT item_pkey")
    answer = verify(shop)
    assert (answer.code, found(answer)) == (4, set())
    assert any("no constraint says so" in note["message"] for note in answer.json["notes"])


@pytest.mark.parametrize("emptied", [True, False])
def test_an_insert_past_the_triggers_is_found_where_all_rows_are_covered(
    shop: Database, emptied: bool
) -> None:
    """Since it was emptied, or since it was enabled before it had any row."""
    if emptied:
        shop.execute("TRUNCATE public.item")
    past_the_triggers(shop, "INSERT INTO public.item VALUES (9, 't1', 'b', 1)")
    assert found(verify(shop)) == {(kind, "t1", "9") for kind in ADDED}


def test_an_insert_past_the_triggers_of_an_empty_partitioned_table_is_found(shop: Database) -> None:
    past_the_triggers(shop, "INSERT INTO public.part VALUES (9, '2026-01-09', 'b')", table="public.part")
    assert {one[0] for one in found(verify(shop))} == ADDED


def test_a_row_without_event_and_younger_than_auditing_is_doubtful(
    shop: Database,
) -> None:
    past_the_triggers(shop, "INSERT INTO public.old VALUES (9, 'b')", table="public.old")
    answer = verify(shop)
    assert (answer.code, found(answer)) == (4, set())
    assert any("1 rows of public.old have no event" in note["message"] for note in answer.json["notes"])


def test_what_was_written_past_the_triggers_breaks_the_chain_of_values(shop: Database) -> None:
    past_the_triggers(shop, "UPDATE public.item SET price = 99 WHERE id = 2")
    shop.execute("UPDATE public.item SET price = 100 WHERE id = 2")
    assert found(verify(shop)) == {("continuity-broken", "t0", "2")}


def test_a_delete_past_the_triggers_shows_where_the_row_is_inserted_again(shop: Database) -> None:
    past_the_triggers(shop, "DELETE FROM public.item WHERE id = 2")
    shop.execute("INSERT INTO public.item VALUES (2, 't0', 'n2', 2, '{}')")
    assert found(verify(shop)) == {("continuity-broken", "t0", "2")}


def test_an_insert_past_the_triggers_shows_where_the_row_is_changed(shop: Database) -> None:
    past_the_triggers(shop, "INSERT INTO public.item VALUES (5, 't1', 'again', 1)")
    shop.execute("DELETE FROM public.item WHERE id = 5")
    assert found(verify(shop)) == {("continuity-broken", "t1", "5")}


def test_personal_columns_are_compared_and_not_told(shop: Database) -> None:
    past_the_triggers(shop, "UPDATE public.person SET email = 'secret@example.org'", table="public.person")
    answer = verify(shop)
    assert found(answer) == {(kind, "default", "1") for kind in CHANGED}
    assert "secret" not in answer.out


def test_a_trigger_that_is_off_or_gone_is_found(shop: Database) -> None:
    shop.execute(f"ALTER TABLE public.item DISABLE TRIGGER {ROW_TRIGGER}")
    shop.execute(f"DROP TRIGGER {ROW_TRIGGER} ON public.old")
    kinds = {(one["kind"], one["table"]) for one in verify(shop).json["findings"]}
    assert {("trigger-off", "public.item"), ("trigger-missing", "public.old")} <= kinds


def test_a_function_that_was_replaced_and_put_back_is_told(shop: Database) -> None:
    row = shop.execute("SELECT pg_get_functiondef('audit.tg_capture_1'::regproc)").fetchone()
    assert row is not None
    for key in (6, 7):  # the copy's own first event is sealed too
        shop.execute("INSERT INTO public.item VALUES (%s, 't1', 'n', 1)", (key,))
        assert verify(shop).code == 0
    shop.execute(
        "CREATE OR REPLACE FUNCTION audit.tg_capture_1() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'"
    )
    shop.execute("UPDATE public.item SET price = 99 WHERE id = 2")
    shop.execute(row[0])
    shop.execute("INSERT INTO public.item VALUES (8, 't1', 'n', 1)")
    answer = verify(shop)
    assert found(answer) == {(kind, "t0", "2") for kind in CHANGED}
    kinds = shop.execute("SELECT new_values ->> 'kind' FROM audit.change_events WHERE operation = 'C'")
    told = {one["kind"] for one in answer.json["findings"]} | {kind for (kind,) in kinds.fetchall()}
    assert told & {"config-changed", "triggers-changed"}


def test_changes_that_the_log_tells_of_are_no_note(shop: Database) -> None:
    shop.execute("CREATE TABLE public.more (id integer PRIMARY KEY)")
    enable(shop.dsn, "public.more")
    answer = verify(shop)
    assert answer.json["findings"] == []


def test_a_write_under_another_name_of_the_column_hides_no_later_one(shop: Database) -> None:
    shop.execute("ALTER TABLE public.item RENAME COLUMN price TO cost")
    shop.execute("UPDATE public.item SET cost = 9 WHERE id = 2")
    shop.execute("ALTER TABLE public.item RENAME COLUMN cost TO price")
    shop.execute("UPDATE public.item SET price = 10 WHERE id = 2")
    past_the_triggers(shop, "UPDATE public.item SET price = 11 WHERE id = 2")
    assert found(verify(shop)) == {(kind, "t0", "2") for kind in CHANGED}


def test_another_tenants_finding_is_not_ones_own(shop: Database) -> None:
    past_the_triggers(shop, "UPDATE public.item SET price = 99 WHERE id = 2")
    assert verify(shop, "--tenant", "t1").code == 0
    assert verify(shop, "--tenant", "t0").code == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE public.item SET price = price",
        "VACUUM (FREEZE) public.item",
        "VACUUM (FULL) public.item",
        "CLUSTER public.item USING item_pkey",
        "ALTER TABLE public.item ALTER COLUMN id TYPE bigint",
        "ALTER TABLE public.item ADD COLUMN extra integer DEFAULT 7",
        "ALTER TABLE public.item ADD COLUMN extra uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE public.item RENAME COLUMN price TO cost",
        "ALTER TABLE public.item RENAME COLUMN price TO cost; UPDATE public.item SET cost = 9; "
        "ALTER TABLE public.item RENAME COLUMN cost TO price; "
        "UPDATE public.item SET price = 10 WHERE id = 2; "
        "UPDATE public.item SET id = 2000 WHERE id = 2",
        "ALTER TABLE public.item RENAME COLUMN price TO cost; "
        "UPDATE public.item SET id = id + 500, cost = 9; "
        "ALTER TABLE public.item RENAME COLUMN cost TO price; UPDATE public.item SET id = id + 500; "
        "UPDATE public.item SET price = 10",
        "ALTER TABLE public.item DROP COLUMN price; "
        "ALTER TABLE public.item ADD COLUMN price numeric DEFAULT 3",
        "ALTER TABLE public.item SET UNLOGGED; ALTER TABLE public.item SET LOGGED",
        "TRUNCATE public.item",
        "TRUNCATE public.part_1",
        "ALTER TABLE public.part DETACH PARTITION public.part_1",
        "ALTER TABLE public.part DETACH PARTITION public.part_1; UPDATE public.part_1 SET v = 'c'; "
        "ALTER TABLE public.part ATTACH PARTITION public.part_1 DEFAULT",
        "DROP TABLE public.part_1",
        "UPDATE public.part SET day = day + 1",
        "UPDATE public.part SET id = id + 100; DELETE FROM public.part WHERE id = 101; "
        "INSERT INTO public.part VALUES (101, '2026-01-05', 'z')",
        "DROP TABLE public.item",
        "INSERT INTO public.item VALUES (5, 't1', 'again', 1) ON CONFLICT DO NOTHING; "
        "DELETE FROM public.item",
        "UPDATE public.item SET tenant = 't1' WHERE id = 3; UPDATE public.item SET price = 8 WHERE id = 3",
        "SET session_replication_role = replica; UPDATE public.item SET price = 4; "
        "RESET session_replication_role",
        "DELETE FROM public.person; INSERT INTO public.person VALUES (1, NULL, 'B')",
    ],
)
def test_what_happens_every_day_is_no_finding(shop: Database, statement: str) -> None:
    for one in statement.split("; " if "VACUUM" not in statement else "\0"):
        shop.execute(one)
    shop.execute("UPDATE public.old SET name = name || 'y'")
    answer = verify(shop)
    assert (answer.code, found(answer)) == (0, set()), answer.out


@pytest.mark.parametrize(
    ("statement", "replaced"),
    [
        ("TRUNCATE public.item", True),
        ("ALTER TABLE public.item RENAME COLUMN price TO cost", True),
        (
            "ALTER TABLE public.item RENAME price TO x; ALTER TABLE public.item RENAME name TO price",
            True,
        ),
        ("ALTER TABLE public.item DROP COLUMN price", True),
        ("ALTER TABLE public.item RENAME TO thing", True),
        ("ALTER TABLE public.item ALTER COLUMN price TYPE text", True),
        ("ALTER TABLE public.item ADD COLUMN extra integer", False),
        ("UPDATE public.item SET price = 3", False),
        ("ALTER TABLE public.part DETACH PARTITION public.part_1", True),
        ("DROP TABLE public.part_1", True),
        ("DROP TABLE public.part", True),
        (
            "CREATE TABLE public.part_2 PARTITION OF public.part"
            " FOR VALUES FROM ('1998-01-01') TO ('1999-01-01')",
            True,
        ),
        ("TRUNCATE public.part_1", True),
        ("UPDATE public.part SET v = 'c'", False),
    ],
)
def test_what_happens_to_a_table_beside_its_comparison_is_noticed(
    shop: Database, statement: str, replaced: bool
) -> None:
    name = "public.part" if "public.part" in statement else "public.item"
    oid = shop.execute("SELECT %s::regclass::oid::bigint", [name]).fetchone()
    assert oid is not None
    with connect(shop.dsn, timeouts=Timeouts()) as conn:
        with snapshot(conn, "audit") as session:
            assert not session.rows("replaced", {"table": oid[0]})[0].replaced
        with snapshot(conn, "audit") as session:
            session.rows("replaced", {"table": 0})  # the snapshot is taken, and nothing locked
            shop.execute(statement)
            assert session.rows("replaced", {"table": oid[0]})[0].replaced is replaced


@pytest.mark.parametrize("column", ["public.feeling", "public.feeling[]", "public.felt"])
def test_a_label_renamed_beside_the_comparison_is_noticed(shop: Database, column: str) -> None:
    shop.execute("CREATE TYPE public.feeling AS ENUM ('good', 'bad')")
    shop.execute("CREATE DOMAIN public.felt AS public.feeling")
    shop.execute(f"CREATE TABLE public.mood (id int PRIMARY KEY, feel {column})".encode())
    oid = shop.execute("SELECT 'public.mood'::regclass::oid::bigint").fetchone()
    assert oid is not None
    table: Any = SimpleNamespace(relation=oid[0])
    nothing: Any = None
    with connect(shop.dsn, timeouts=Timeouts()) as conn, snapshot(conn, "audit") as session:
        levels = RowsLevels(session, nothing, nothing, same_incarnation=True)
        assert not levels._relabelled(table)
        shop.execute("ALTER TYPE public.feeling RENAME VALUE 'bad' TO 'worse'")
        assert levels._relabelled(table)

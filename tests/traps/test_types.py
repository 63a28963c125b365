"""Types that change under an audited table, generated columns, and tables as wide as they can be."""

from __future__ import annotations

import hashlib

import pytest

from tests.capture.helpers import one
from tests.traps.trap import Trap


def test_a_dropped_type_takes_its_column_along_and_no_write_fails(trap: Trap):
    t = trap.audit(
        "CREATE TYPE public.mood AS ENUM ('x'); CREATE SCHEMA s; CREATE DOMAIN s.d AS text;"
        "CREATE TABLE public.t (id int PRIMARY KEY, m public.mood, d s.d, a text)"
    )
    trap.do(
        "INSERT INTO public.t VALUES (1, 'x', 'y', 'z')",
        "DROP TYPE public.mood CASCADE",
        "UPDATE public.t SET a = 'changed'",
        "DROP SCHEMA s CASCADE",
        "DELETE FROM public.t",
    )
    assert t.changes[1:] == [
        ("UPDATE", "1", {"a": "z"}, {"a": "changed"}),
        ("DELETE", "1", {"id": "1", "a": "changed"}, {}),
    ]
    commands = [event["command"] for event in trap.controls("table-changed")]
    assert commands == ["DROP TYPE", "DROP SCHEMA"]
    trap.kit("apply", "--yes")
    trap.do("INSERT INTO public.t VALUES (2, 'specialised')")
    assert t.changes[-1] == ("INSERT", "2", {}, {"id": "2", "a": "specialised"})
    trap.proved()


def test_a_type_that_is_changed_under_a_table_is_a_control_event_and_fails_no_write(trap: Trap, mode: str):
    t = trap.audit(
        "CREATE TYPE public.mood AS ENUM ('sad', 'ok'); CREATE TYPE public.pair AS (a int, b text);"
        "CREATE TABLE public.t (id int PRIMARY KEY, m public.mood, p public.pair, ps public.pair[])",
        mode=mode,
    )
    trap.do("INSERT INTO public.t VALUES (1, 'sad', (1, 'x'), ARRAY[(1, 'x')::public.pair])")
    statements = (
        "ALTER TYPE public.mood ADD VALUE 'happy'",
        "ALTER TYPE public.mood RENAME VALUE 'sad' TO 'blue'",
        "ALTER TYPE public.pair ADD ATTRIBUTE c int",
        "ALTER TYPE public.pair RENAME ATTRIBUTE a TO n",
        "ALTER TYPE public.pair DROP ATTRIBUTE b",
        "ALTER TYPE public.pair RENAME TO couple",
    )
    for number, statement in enumerate(statements, 2):
        trap.do(statement, f"INSERT INTO public.t (id, m) VALUES ({number}, 'ok')")
        trap.do(f"UPDATE public.t SET m = 'ok' WHERE id = {number}")
    trap.do("UPDATE public.t SET m = 'happy', p = (1, 2) WHERE id = 1", "DELETE FROM public.t WHERE id = 1")
    told = [(event["query"], event["table"]) for event in trap.controls("type-changed")]
    assert told == [(statement, "public.t") for statement in statements]
    insert, *others, update, delete = t.changes
    assert insert[3] == {"id": "1", "m": "sad", "p": "(1,x)", "ps": '{"(1,x)"}'}
    assert [change[:2] for change in others] == [("INSERT", str(number)) for number in range(2, 8)]
    assert update[2:] == ({"m": "blue", "p": "(1,)"}, {"m": "happy", "p": "(1,2)"})
    assert delete[2] == {"id": "1", "m": "happy", "p": "(1,2)", "ps": '{"(1,)"}'}
    trap.kit("apply", "--yes")
    assert trap.doctor("definitions")[0] == "ok"
    trap.do("INSERT INTO public.t VALUES (9, 'happy', (1, 2), NULL)")
    assert t.changes[-1][3] == {"id": "9", "m": "happy", "p": "(1,2)", "ps": None}
    trap.proved()


def test_a_domain_that_is_made_stricter_later_fails_no_write_that_it_allows(trap: Trap, mode: str):
    """A variable of a NOT NULL domain cannot hold what OLD holds on INSERT, nor what was there before."""
    t = trap.audit(
        "CREATE DOMAIN public.d AS text; CREATE DOMAIN public.e AS public.d;"
        "CREATE TABLE public.t (id int PRIMARY KEY, v public.e, n int)",
        mode=mode,
    )
    trap.do("INSERT INTO public.t VALUES (1, 'x', 1), (2, 'not now', 1)")
    statements = (
        "ALTER DOMAIN public.d ADD CONSTRAINT short CHECK (length(value) < 3) NOT VALID",
        "ALTER DOMAIN public.d SET NOT NULL",
        "ALTER DOMAIN public.e SET DEFAULT 'de'",
    )
    trap.do(*statements)
    t.seen()
    trap.do(
        "INSERT INTO public.t (id) VALUES (3)",
        "UPDATE public.t SET v = 'y', n = 2 WHERE id = 1",
        "DELETE FROM public.t",
    )
    insert, update, *deletes = t.changes
    assert insert == ("INSERT", "3", {}, {"id": "3", "v": "de", "n": None})
    assert update == ("UPDATE", "1", {"v": "x", "n": "1"}, {"v": "y", "n": "2"})
    assert {change[2]["v"] for change in deletes} == {"y", "not now", "de"}
    assert [event["query"] for event in trap.controls("type-changed")] == list(statements)
    trap.proved()


def test_generated_columns_are_recorded_as_stored(trap: Trap, mode: str):
    """T13: stored ones are NULL in a BEFORE trigger."""
    t = trap.audit(
        "CREATE TABLE public.t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED)",
        mode=mode,
    )
    trap.do("INSERT INTO public.t VALUES (1, 1)", "UPDATE public.t SET a = 2", "DELETE FROM public.t")
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "1", "twice": "2"}),
        ("UPDATE", "1", {"a": "1", "twice": "2"}, {"a": "2", "twice": "4"}),
        ("DELETE", "1", {"id": "1", "a": "2", "twice": "4"}, {}),
    ]
    trap.proved()


def test_virtual_columns_are_named_as_absent_and_never_recorded_as_null(trap: Trap, mode: str):
    """T13: they are not computed for triggers; a NULL in the log would be a lie."""
    if trap.db.info.server_version < 180000:
        pytest.skip("virtual columns came with PostgreSQL 18")
    t = trap.audit("CREATE TABLE public.t (id int PRIMARY KEY, a int)", mode=mode)
    trap.do("ALTER TABLE public.t ADD v int GENERATED ALWAYS AS (a * 2) VIRTUAL")
    story = ("INSERT INTO public.t VALUES (1, 1)", "UPDATE public.t SET a = 2", "DELETE FROM public.t")
    trap.do(*story)
    trap.kit("apply", "--yes")
    trap.do(*story)
    assert t.changes == 2 * [
        ("INSERT", "1", {}, {"id": "1", "a": "1"}),
        ("UPDATE", "1", {"a": "1"}, {"a": "2"}),
        ("DELETE", "1", {"id": "1", "a": "2"}, {}),
    ]
    (changed,) = trap.controls("table-changed")
    assert {column["name"]: column["recorded"] for column in changed["columns"]}["v"] == "virtual"
    answer = trap.kit("enable", "public.t", "--tenant-column", "v", code=2)
    assert "virtual" in answer.err
    trap.proved()


@pytest.mark.any_server
@pytest.mark.long
def test_a_table_of_1600_columns_is_recorded_by_either_function(trap: Trap):
    """A function takes 100 arguments. An update of such a row cost 0.5 ms specialised, 1 ms generic; the
    first one of a session 145 ms and 24 ms. Where a function fell back to the query that shortens large
    values, the last column would be a digest."""
    columns = ", ".join(f"c{number} int" for number in range(2, 1600))
    t = trap.audit(f"CREATE TABLE public.t (c1 int PRIMARY KEY, {columns}, c1600 json)")
    last = "".join(hashlib.md5(str(i).encode(), usedforsecurity=False).hexdigest() for i in range(5000))
    values = ", ".join(map(str, range(1, 1600)))
    for renamed in (False, True):
        if renamed:
            trap.do("ALTER TABLE public.t RENAME c9 TO other", "ALTER TABLE public.t RENAME other TO c9")
        assert one(trap.db, "SELECT specialised FROM audit.audited_tables") is not renamed
        t.seen()
        trap.do(
            f"INSERT INTO public.t VALUES ({values}, '\"{last}\"')",
            "UPDATE public.t SET c800 = -1, c1600 = NULL",
            "DELETE FROM public.t",
        )
        insert, update, delete = t.changes
        row = {f"c{number}": str(number) for number in range(1, 1600)} | {"c1600": f'"{last}"'}
        assert insert == ("INSERT", "1", {}, row)
        before, after = {"c800": "800", "c1600": row["c1600"]}, {"c800": "-1", "c1600": None}
        assert update == ("UPDATE", "1", before, after)
        assert delete == ("DELETE", "1", row | after, {})
    trap.proved()

"""Identifiers of any kind, and keys of any shape."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import BULK_MODES, MODES, Audited, enable, quoted
from tests.servers import Database

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

IN_MODES = MODES + BULK_MODES

NAMES = [
    "plain",
    "Upper Case",
    "select",
    "user",
    'double "quote"',
    "single ' quote",
    "back\\slash",
    "E'\\n",
    "dollar $fn$ $pgaudit_kit$ $$",
    "percent % %s %1$I %%",
    "{{ audit }} {% raw %}",
    "ünïcödé 表 🐘",
    "new\nline\ttab",
    "semi; DROP TABLE x; --",
    "/* comment */",
    "x" * 63,
    "é" * 31,
    "v_old",
    "v_new",
    "v_key",
    "v_moves",
    "v_shape",
    "old",
    "new",
    "tg_op",
    "TG_OP",
    "t",
    "q",
    "c",
    "i",
    "key",
    "image",
    "event_id",
    "tenant_id",
    "~row",
    "row",
    "NULL; -- columns: use_generic_capture puts them here",
    "v_table_version CONSTANT integer := 7",
]


def test_any_column_name(audited: Audit):
    columns = ", ".join(f"{quoted(name)} text" for name in NAMES)
    keys = ("plain", 'double "quote"', "percent % %s %1$I %%")
    t = audited(
        f"CREATE TABLE public.t ({columns}, PRIMARY KEY ({', '.join(map(quoted, keys))}))",
        *("--exclude", "back\\slash", "--exclude", "E'\\n", "--tenant-column", "single ' quote"),
        *("--personal", "{{ audit }} {% raw %}", "--personal", "t", "--subject-column", "v_old"),
    )
    values = ", ".join(f"'{number}'" for number, _ in enumerate(NAMES))
    changed = ", ".join(f"{quoted(name)} = 'changed'" for name in NAMES if name != "single ' quote")
    insert, update, delete = t.do(
        f"INSERT INTO public.t VALUES ({values})", f"UPDATE public.t SET {changed}", "DELETE FROM public.t"
    )
    before = {name: str(number) for number, name in enumerate(NAMES)}
    after = {name: "changed" for name in NAMES} | {"single ' quote": before["single ' quote"]}
    personal = {"{{ audit }} {% raw %}", "t"}
    kept = set(NAMES) - {"back\\slash", "E'\\n"} - personal
    assert insert.new == {name: before[name] for name in kept}
    assert delete.old == {name: after[name] for name in kept}
    assert update.new == {name: after[name] for name in kept - {"single ' quote"}}
    assert json.loads(str(update.record_key)) == [before[name] for name in keys]
    assert {event.tenant_id for event in (insert, update, delete)} == {before["single ' quote"]}
    stored = t.db.execute(
        "SELECT subject, old_values, new_values FROM audit.personal_values ORDER BY event_id"
    )
    assert stored.fetchall()[1] == (
        before["v_old"],
        {name: before[name] for name in personal},
        {name: "changed" for name in personal},
    )


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("Upper Case", 'double "quote"'),
        ("single ' quote", "back\\slash"),
        ("percent % %s %1$I %%", "dollar $fn$ $pgaudit_kit$ $$"),
        ("ünïcödé 表 🐘", "é" * 31),
        ("{{ audit }} {% raw %}", "select"),
    ],
)
def test_any_table_and_schema_name(kit_db: Database, mode: str, schema: str, name: str):
    table = quoted(schema, name)
    kit_db.execute(f"CREATE SCHEMA {quoted(schema)}".encode())
    kit_db.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)".encode())
    enable(kit_db, table, "--baseline")
    t = Audited(kit_db, table, mode)
    t.do(f"INSERT INTO {table} VALUES (1)", f"TRUNCATE {table}", f"ALTER TABLE {table} ADD a int")
    t.do(f"INSERT INTO {table} VALUES (2, 3)")
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1"}),
        ("TRUNCATE", None, {}, {}),
        ("INSERT", "2", {}, {"id": "2", "a": "3"}),
    ]
    (shown,) = {event.table_name for event in t.events()}
    assert kit_db.execute("SELECT %s::regclass = %s::regclass", [shown, table]).fetchone() == (True,)


def test_composite_key_is_in_key_order(audited: Audit):
    t = audited("CREATE TABLE public.t (a int, b text, c numeric, PRIMARY KEY (c, a))")
    events = t.do(
        "INSERT INTO public.t VALUES (1, 'x', 2.50)",
        "UPDATE public.t SET a = 7, c = 3",
        "DELETE FROM public.t",
    )
    assert [event.record_key for event in events] == ['["2.50", "1"]', '["2.50", "1"]', '["3", "7"]']


def test_table_without_primary_key_is_named(kit_db: Database):
    kit_db.execute(b'CREATE TABLE public."No Key" (a int, b int UNIQUE)')
    answer = enable(kit_db, 'public."No Key"', code=2)
    assert 'public."No Key"' in answer.err
    assert "no-primary-key" in answer.err
    assert kit_db.execute("SELECT count(*) FROM audit.audited_tables").fetchone() == (0,)


def test_declared_key_stands_in_for_a_primary_key(audited: Audit):
    t = audited("CREATE TABLE public.t (a int, b text, c int)", "--key", "b", "--key", "a")
    t.do(
        "INSERT INTO public.t VALUES (1, NULL, 0), (1, NULL, 0)",
        "UPDATE public.t SET c = 1 WHERE ctid = '(0,1)'",
    )
    assert [change[:2] for change in t.changes] == [
        ("INSERT", '[null, "1"]'),
        ("INSERT", '[null, "1"]'),
        ("UPDATE", '[null, "1"]'),
    ]


def test_long_key_becomes_a_digest(audited: Audit):
    t = audited("CREATE TABLE public.t (k text PRIMARY KEY, a int)")
    for length in (1000, 1001, 2000):
        t.do(f"INSERT INTO public.t VALUES (repeat('é', {length} / 2) || repeat('x', {length} % 2), 1)")
    keys = [event.record_key for event in t.events()]
    digests = ["sha256:" + hashlib.sha256(key.encode()).hexdigest() for key in ("é" * 500 + "x", "é" * 1000)]
    assert keys == ["é" * 500, *digests]


def test_three_hundred_columns(audited: Audit):
    columns = ", ".join(f"c{number} {'int' if number % 2 else 'float8'}" for number in range(300))
    t = audited(f"CREATE TABLE public.t (id int PRIMARY KEY, {columns})")
    insert, update = t.do(
        f"INSERT INTO public.t VALUES (1, {', '.join(map(str, range(300)))})",
        "UPDATE public.t SET c299 = 0, c150 = '-0'",
    )
    assert insert.new == {"id": "1"} | {f"c{number}": str(number) for number in range(300)}
    assert update.change == (
        *("UPDATE", "1"),
        {"c150": "150", "c299": "299"},
        {"c150": "0", "c299": "0"} | ({} if update.new["c150"] == "0" else {"c150": "-0"}),
    )


def test_dropped_generated_and_identity_columns(audited: Audit):
    t = audited(
        "CREATE TABLE public.t (gone int, id int GENERATED ALWAYS AS IDENTITY, a int,"
        " twice int GENERATED ALWAYS AS (a * 2) STORED, PRIMARY KEY (id));"
        "ALTER TABLE public.t DROP COLUMN gone"
    )
    t.do("INSERT INTO public.t (a) VALUES (1)", "UPDATE public.t SET a = 2", "DELETE FROM public.t")
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "1", "twice": "2"}),
        ("UPDATE", "1", {"a": "1", "twice": "2"}, {"a": "2", "twice": "4"}),
        ("DELETE", "1", {"id": "1", "a": "2", "twice": "4"}, {}),
    ]


def test_virtual_columns_are_named_as_not_recorded(audited: Audit, kit_db: Database):
    if kit_db.info.server_version < 180000:
        pytest.skip("virtual columns came with PostgreSQL 18")
    t = audited(
        "CREATE TABLE public.t (id int PRIMARY KEY, a int, v int GENERATED ALWAYS AS (a * 2) VIRTUAL)"
    )
    t.do("INSERT INTO public.t VALUES (1, 1)", "UPDATE public.t SET a = 2")
    assert [change[3] for change in t.changes] == [{"id": "1", "a": "1"}, {"a": "2"}]
    (columns,) = kit_db.execute("SELECT columns FROM audit.table_versions").fetchone() or ([],)
    assert [column["recorded"] for column in columns] == ["yes", "yes", "virtual"]

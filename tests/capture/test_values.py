"""Values of any type: what counts as a change, and what is recorded of it."""

from __future__ import annotations

import psycopg

from tests.capture.conftest import Audit
from tests.capture.helpers import has_xml, quoted
from tests.servers import Database

LOOSE = "CREATE COLLATION public.loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"


def test_insert_update_delete_are_recorded(audited: Audit):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, a text, b int)")
    t.do(
        "INSERT INTO public.t VALUES (1, 'x', 2)",
        "UPDATE public.t SET a = 'y'",
        "DELETE FROM public.t",
    )
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "x", "b": "2"}),
        ("UPDATE", "1", {"a": "x"}, {"a": "y"}),
        ("DELETE", "1", {"id": "1", "a": "y", "b": "2"}, {}),
    ]


# column type, before, after, recorded before, recorded after
CHANGES = {
    "numeric scale": ("numeric", "1.0", "1.00", "1.0", "1.00"),
    "text case": ("text", "'A'", "'a'", "A", "a"),
    "json whitespace": ("json", "'{\"a\":1}'", "'{\"a\": 1}'", '{"a":1}', '{"a": 1}'),
    "json duplicate key": ("json", '\'{"a":1,"a":2}\'', "'{\"a\":2}'", '{"a":1,"a":2}', '{"a":2}'),
    "json NUL": ("json", "'1'", "'\"\\u0000\"'", "1", '"\\u0000"'),
    "json surrogate": ("json", "'1'", "'\"\\ud800\"'", "1", '"\\ud800"'),
    "json huge number": ("json", "'1'", "'1e200000'", "1", "1e200000"),
    "jsonb scale": ("jsonb", "'1.0'", "'1.00'", "1.0", "1.00"),
    "point": ("point", "'(1,2)'", "'(1,3)'", "(1,2)", "(1,3)"),
    "point zero": ("point", "'(0,2)'", "'(-0,2)'", "(0,2)", "(-0,2)"),
    "interval": ("interval", "'1 day'", "'24 hours'", "P1D", "PT24H"),
    "bytea": ("bytea", r"'\x00ff'", r"'\x00'", r"\x00ff", r"\x00"),
    "range": ("int4range", "'[1,3)'", "'[1,4)'", "[1,3)", "[1,4)"),
    "array": ("int[]", "'{1,NULL}'", "'{1}'", ["1", None], ["1"]),
    "char(n)": ("char(4)", "'a'", "'b'", "a   ", "b   "),
    "inet": ("inet", "'10.0.0.1'", "'10.0.0.1/24'", "10.0.0.1", "10.0.0.1/24"),
    "money": ("money", "'1.5'::numeric::money", "'2.5'::numeric::money", "$1.50", "$2.50"),
    "uuid": (
        "uuid",
        "'11111111-1111-1111-1111-111111111111'",
        "NULL",
        "11111111-1111-1111-1111-111111111111",
        None,
    ),
    "xml": ("xml", "'<a/>'", "'<a />'", "<a/>", "<a />"),
    "char": ('"char"', "'a'", "'_'", "a", "_"),
    "bit": ("bit varying", "B'10'", "B'100'", "10", "100"),
    "name": ("name", "'a'", "'b'", "a", "b"),
}


def test_every_stored_change_is_recorded(audited: Audit, kit_db: Database):
    cases = {name: case for name, case in CHANGES.items() if case[0] != "xml" or has_xml(kit_db)}
    columns = ", ".join(f"{quoted(name)} {case[0]}" for name, case in cases.items())
    t = audited(f"CREATE TABLE public.t (id int PRIMARY KEY, {columns})")
    t.do(f"INSERT INTO public.t VALUES (1, {', '.join(case[1] for case in cases.values())})")
    (insert,) = t.events()
    assert insert.new == {"id": "1"} | {name: case[3] for name, case in cases.items()}
    t.seen()
    for name, (_, _, after, _, _) in cases.items():
        t.do(f"UPDATE public.t SET {quoted(name)} = {after}")
    assert t.changes == [
        ("UPDATE", "1", {name: old}, {name: new}) for name, (_, _, _, old, new) in cases.items()
    ]
    t.seen()
    t.do("DELETE FROM public.t")
    (delete,) = t.events()
    assert delete.old == {"id": "1"} | {name: case[4] for name, case in cases.items()}


# two values whose JSON is the same: what the raw row tells besides
HIDDEN = {
    "float": ("float8", "0", "'-0'", "0", "-0"),
    "float array": ("float4[]", "'{0}'", "'{-0}'", "{0}", "{-0}"),
    "array bounds": ("int[]", "'{1}'", "'[5:5]={1}'", "{1}", "[5:5]={1}"),
    "text array bounds": ("text[]", "'{a}'", "'[0:0]={a}'", "{a}", "[0:0]={a}"),
    "JSON null": ("jsonb", "NULL", "'null'", "", "null"),
    "JSON null back": ("jsonb", "'null'", "NULL", "null", ""),
    "JSON null in array": ("jsonb[]", "'{NULL}'", "ARRAY['null'::jsonb]", "{NULL}", '"{""null""}"'),
}


def test_change_that_json_hides_shows_in_the_raw_row(audited: Audit):
    for number, (kind, before, after, old, new) in enumerate(HIDDEN.values()):
        name = f"public.t{number}"
        t = audited(f"CREATE TABLE {name} (id int PRIMARY KEY, v {kind}, w text)", table=name)
        t.do(f"INSERT INTO {name} VALUES (1, {before})")
        (update,) = t.do(f"UPDATE {name} SET v = {after}")
        (both,) = t.do(f"UPDATE {name} SET v = {before}, w = 'x'")
        assert update.old["v"] == update.new["v"]
        assert (update.old["~row"], update.new["~row"]) == (f"(1,{old},)", f"(1,{new},)")
        assert (both.old["~row"], both.new["~row"]) == (f"(1,{new},)", f"(1,{old},x)")
        assert (both.old["w"], both.new["w"]) == (None, "x")


def test_update_that_changes_nothing_is_no_event(audited: Audit):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, a timestamptz, b char(3), c numeric, d float8)")
    t.do("INSERT INTO public.t VALUES (1, '2020-01-01 00:00+00', 'a', 1.0, 'NaN')")
    t.seen()
    assert (
        t.do(
            "UPDATE public.t SET id = 1",
            "UPDATE public.t SET a = '2020-01-01 02:00+02', b = 'a ', c = 1.0, d = 'NaN'",
        )
        == []
    )


def test_case_of_case_insensitive_text_is_a_change(audited: Audit, kit_db: Database):
    kinds = {"citext": "CREATE EXTENSION citext", "text COLLATE public.loose": LOOSE}
    for number, (kind, statement) in enumerate(kinds.items()):
        try:
            kit_db.execute(statement.encode())
        except psycopg.errors.FeatureNotSupported:  # not in this build
            continue
        table = f"public.t{number}"
        t = audited(f"CREATE TABLE {table} (id int PRIMARY KEY, v {kind})", table=table)
        t.do(
            f"INSERT INTO {table} VALUES (1, 'a')",
            f"UPDATE {table} SET v = 'A'",
            f"UPDATE {table} SET v = 'A'",
        )
        assert t.changes[1:] == [("UPDATE", "1", {"v": "a"}, {"v": "A"})]


def test_excluded_column_is_not_recorded_and_its_change_alone_is_no_event(audited: Audit):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, a text, s text)", "--exclude", "s")
    t.do(
        "INSERT INTO public.t VALUES (1, 'x', 'secret')",
        "UPDATE public.t SET s = 'other'",
        "UPDATE public.t SET s = 'third', a = 'y'",
        "DELETE FROM public.t",
    )
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "x"}),
        ("UPDATE", "1", {"a": "x"}, {"a": "y"}),
        ("DELETE", "1", {"id": "1", "a": "y"}, {}),
    ]


def test_tenant_and_subject_may_be_excluded(audited: Audit):
    t = audited(
        "CREATE TABLE public.t (id int PRIMARY KEY, tenant text, who text, mail text)",
        *("--exclude", "tenant", "--exclude", "who"),
        *("--tenant-column", "tenant", "--subject-column", "who", "--personal", "mail"),
    )
    event, *_ = t.do("INSERT INTO public.t VALUES (7, 'acme', 'ann', 'a@example.org')")
    assert (event.record_key, event.tenant_id, event.new) == ("7", "acme", {"id": "7"})
    stored = t.db.execute("SELECT subject, new_values FROM audit.personal_values").fetchall()
    assert stored == [("ann", {"mail": "a@example.org"})]


def test_row_xmin_is_that_of_the_new_version(audited: Audit):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, a int)")
    events = t.do("INSERT INTO public.t VALUES (1, 1)", "UPDATE public.t SET a = 2")
    stored = t.db.execute("SELECT xmin::text FROM public.t").fetchone()
    assert stored == (events[1].row_xmin,)
    assert events[0].row_xmin != events[1].row_xmin

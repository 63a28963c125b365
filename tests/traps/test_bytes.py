"""T4, T5: no setting changes a byte that is hashed, and every change of stored bytes is recorded."""

from __future__ import annotations

import psycopg
from psycopg import sql

from tests.servers import connect
from tests.traps.trap import Trap

HOSTILE = {
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "search_path": "evil, pg_temp, pg_catalog",
    "row_security": "off",
    "default_transaction_isolation": "serializable",
}
COLUMNS = {
    "tz": ("timestamptz", "'2026-01-01 00:00+00'"),
    "ts": ("timestamp", "'2026-01-02 03:04:05.000006'"),
    "d": ("date", "'2026-02-01'"),
    "dates": ("date[]", "'{2026-02-01}'"),
    "span": ("interval", "'1 day -2 hours'"),
    "spans": ("interval[]", "'{1 mon}'"),
    "bytes": ("bytea", r"'\x00ff'"),
    "f": ("float8", "0.1 + 0.2"),
    "fs": ("float4[]", "'{0.1}'"),
    "p": ("point", "'(0.1,1e-10)'"),
    "m": ("money", "12.5::numeric::money"),
    "class": ("regclass", "'pg_catalog.pg_class'"),
    "type": ("regtype", "'timestamptz'"),
    "when": ("tstzrange", "'[2026-01-01 00:00+00,)'"),
    "j": ("json", '\'{"b": 1, "a":1}\''),
}


def hostile(trap: Trap) -> None:
    """Each new session in this database has them, the kit's own too."""
    for name, value in HOSTILE.items():
        words = sql.SQL(", ").join(sql.Literal(word) for word in value.split(", "))
        if name != "search_path":
            words = sql.SQL("{}").format(sql.Literal(value))
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
        trap.db.execute(statement.format(sql.Identifier(trap.db.name), sql.Identifier(name), words))


def test_hostile_settings_change_no_byte_that_is_hashed(trap: Trap, mode: str):
    columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in COLUMNS.items())
    values = ", ".join(value for _, value in COLUMNS.values())
    t = trap.audit(f"CREATE TABLE public.t (id timestamptz PRIMARY KEY, {columns})", mode=mode)
    insert = f"INSERT INTO public.t VALUES ('2026-01-01 00:00+00', {values})"
    nullify = "UPDATE public.t SET " + ", ".join(f'"{name}" = NULL' for name in COLUMNS)
    story = (insert, nullify, "DELETE FROM public.t")
    trap.do(*story)
    calm = [(event.record_key, event.old_text, event.new_text) for event in t.events()]
    t.seen()
    hostile(trap)
    with connect(trap.db) as conn:
        conn.execute("SET standard_conforming_strings = on")  # for the literals above alone
        conn.execute(story[0].encode())
        conn.execute("SET standard_conforming_strings = off")
        for statement in story[1:]:
            conn.execute(statement.encode())
        conn.execute("SET default_transaction_isolation = 'read committed'")
        assert conn.execute("SELECT audit.seal()").fetchone() != (0,)
    trap.kit("seal")
    assert trap.kit("verify", "--all", "--json").json["verdict"] == "ok"
    assert [(event.record_key, event.old_text, event.new_text) for event in t.events()] == calm
    assert t.events()[0].record_key == "2026-01-01 00:00:00+00"
    for name in HOSTILE:
        trap.db.execute(
            sql.SQL("ALTER DATABASE {} RESET {}").format(sql.Identifier(trap.db.name), sql.Identifier(name))
        )
    trap.proved()


# type, value, another value that some comparison takes for the same
SAME = {
    "numeric": ("numeric", "1.0", "1.00"),
    "numerics": ("numeric[]", "'{1.0}'", "'{1.00}'"),
    "json": ("json", "'{\"a\":1}'", "'{\"a\": 1}'"),
    "json key": ("json", '\'{"a":1,"a":2}\'', "'{\"a\":2}'"),
    "jsonb": ("jsonb", "'1.0'", "'1.00'"),
    "jsonb null": ("jsonb", "NULL", "'null'"),
    "zero": ("float8", "0", "'-0'"),
    "zeros": ("float8[]", "'{0}'", "'{-0}'"),
    "point": ("point", "'(0,0)'", "'(0,-0)'"),
    "bounds": ("int[]", "'{1}'", "'[2:2]={1}'"),
    "empty": ("text", "''", "NULL"),
    "char": ("char(3)", "'a'", "NULL"),
    "day": ("interval", "'1 day'", "'24 hours'"),
    "composite": ("public.pair", "(1.0, 'x')", "(1.00, 'x')"),
    "domain": ("public.amount", "1.0", "1.00"),
}


def test_a_change_that_equality_does_not_see_is_recorded(trap: Trap, mode: str):
    cases = dict(SAME)
    try:
        trap.do("CREATE EXTENSION citext")
        cases["citext"] = ("citext", "'A'", "'a'")
    except psycopg.errors.FeatureNotSupported:
        pass  # not in this build
    trap.do(
        "CREATE TYPE public.pair AS (n numeric, t text)",
        "CREATE DOMAIN public.amount AS numeric CHECK (value >= 0)",
    )
    columns = ", ".join(f'"{name}" {kind}' for name, (kind, _, _) in cases.items())
    before = ", ".join(value for _, value, _ in cases.values())
    t = trap.audit(f"CREATE TABLE public.t (id int PRIMARY KEY, {columns})", mode=mode)
    trap.do(f"INSERT INTO public.t VALUES (1, {before})")
    for name, (_, value, other) in cases.items():
        t.seen()
        trap.do(f'UPDATE public.t SET "{name}" = {value}')
        assert t.events() == [], f"{name}: nothing stored has changed"
        trap.do(f'UPDATE public.t SET "{name}" = {other}')
        (event,) = t.events()
        assert set(event.old) - {"~row"} == set(event.new) - {"~row"} == {name}
        assert event.old_text != event.new_text, f"{name}: what changed is in the event"
    trap.proved()

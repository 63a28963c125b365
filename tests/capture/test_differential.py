"""The specialised function, the generic one, and the one without a DDL watch record the same bytes.

So do those that record by statement, and so does a baseline. Each table is written to under session
settings of its own: none of them may show.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.capture.columns import types_of
from tests.capture.helpers import Audited, enable, events, one, quoted
from tests.servers import Database

SESSIONS: dict[str, tuple[str, ...]] = {
    "TimeZone": ("UTC", "America/St_Johns", "Asia/Tokyo"),
    "DateStyle": ("ISO, MDY", "SQL, DMY", "German, DMY"),
    "IntervalStyle": ("postgres", "sql_standard", "postgres_verbose"),
    "bytea_output": ("hex", "escape"),
    "extra_float_digits": ("1", "-10", "3"),
    "quote_all_identifiers": ("off", "on"),
    "search_path": ("public", "pg_temp, public", "public, pg_catalog"),
    "row_security": ("on", "off"),
    "plpgsql.extra_errors": ("none", "all"),
    "standard_conforming_strings": ("on", "off"),
    "pgaudit_kit.context_audit": ("", '{"actor_id": "u", "n": 1}', "nonsense"),
}
QUICK = {
    *("bool", "int2", "int4", "int8", "oid", "text", "varchar(5)", "char(3)", "bpchar", "numeric", "float4"),
    *("float8", "date", "time", "timestamp", "timestamptz", "interval", "bytea", "uuid", "inet", "cidr"),
    "macaddr",
}
"""Types whose tables need no block in the specialised function."""
EXAMPLES = max(20, (settings.default or settings()).max_examples // 4)
MODES = ("specialised", "generic", "unguarded", "bulk", "bulk generic", "bulk unguarded")
OPTIONS = {
    "plain": (),
    "declared": (
        *("--tenant-column", "words", "--exclude", "number", "--personal", "tag", "--personal", "real8"),
        *("--subject-column", "old"),
    ),
    "typed tenant": ("--tenant-column", "both", "--personal", "trees", "--exclude", "words"),
    "quick": (),
    "quick, declared": ("--tenant-column", "words", "--exclude", "whole"),
}


class Twins:
    """One table in each mode, written to alike."""

    def __init__(self, db: Database, variant: str) -> None:
        self.db = db
        self.columns = {
            name: column
            for name, column in types_of(db).items()
            if not variant.startswith("quick") or column[0] in QUICK
        }
        self.mark = 0
        self.tables: list[Audited] = []
        for mode in MODES:
            declared = ", ".join(f"{quoted(name)} {kind}" for name, (kind, _) in self.columns.items())
            name = mode.replace(" ", "_")
            db.execute(
                f"CREATE TABLE public.{name} (gone int, id int, {declared},"
                " doubled text GENERATED ALWAYS AS (upper(short)) STORED, PRIMARY KEY (id))".encode()
            )
            db.execute(f"ALTER TABLE public.{name} DROP COLUMN gone".encode())
            bulk = ["--bulk"] if mode.startswith("bulk") else []
            enable(db, f"public.{name}", *OPTIONS[variant], *bulk)
            self.tables.append(Audited(db, f"public.{name}", mode))

    def run(self, statement: str, values: list[Any], session: dict[str, tuple[str, ...]]) -> None:
        """The statement on each table, each under the session settings that are its turn."""
        for number, table in enumerate(self.tables):
            with self.db.transaction():
                for name, choices in session.items():
                    self.db.execute(
                        sql.SQL("SET LOCAL {} = {}").format(sql.SQL(name), sql.SQL(choices[number]))
                        if name in ("search_path", "DateStyle")
                        else sql.SQL("SET LOCAL {} = {}").format(sql.SQL(name), sql.Literal(choices[number]))
                    )
                self.db.execute(statement.replace("{table}", table.table).encode(), values)

    def recorded(self, table: Audited) -> list[tuple[Any, ...]]:
        """What the log holds of one table since the mark, personal values included."""
        rows = self.db.execute(
            "SELECT e.operation, e.tenant_id, e.record_key, e.old_values::text, e.new_values::text,"
            " p.subject, p.old_values::text, p.new_values::text,"
            " e.personal_commitment IS NOT DISTINCT FROM sha256(p.salt || convert_to("
            "jsonb_build_array(p.old_values, p.new_values, p.context)::text, 'UTF8'))"
            " FROM audit.change_events AS e"
            " LEFT JOIN audit.personal_values AS p USING (event_id, occurred_at)"
            " WHERE e.event_id > %s AND e.table_id = %s ORDER BY e.event_id",
            [self.mark, table.table_id],
        ).fetchall()
        return rows

    def forget(self) -> None:
        """Empty the tables and start anew."""
        for table in self.tables:
            self.db.execute(f"DELETE FROM {table.table}".encode())
        self.mark = one(self.db, "SELECT max(event_id) FROM audit.change_events")


@pytest.fixture(params=OPTIONS)
def twins(kit_db: Database, request: pytest.FixtureRequest) -> Twins:
    """The tables, declared in several ways."""
    return Twins(kit_db, request.param)


def rows_of(twins: Twins) -> st.SearchStrategy[dict[str, Any]]:
    """Rows with some of the columns filled."""
    return st.fixed_dictionaries(
        {}, optional={name: st.none() | values for name, (_, values) in twins.columns.items()}
    )


SESSION = st.fixed_dictionaries(
    {
        name: st.permutations((values * len(MODES))[: len(MODES)]).map(tuple)
        for name, values in SESSIONS.items()
    }
)


def test_all_functions_record_the_same(twins: Twins) -> None:
    rows = rows_of(twins)

    @settings(max_examples=EXAMPLES)
    @given(st.lists(rows, min_size=2, max_size=4), SESSION)
    def check(versions: list[dict[str, Any]], session: dict[str, tuple[str, ...]]) -> None:
        twins.forget()
        insert(twins, versions[0], session)
        for version in versions[1:]:
            update(twins, version, session)
        baseline(twins)
        twins.run("DELETE FROM {table}", [], session)
        first, *others = (twins.recorded(table) for table in twins.tables)
        for other in others:
            assert other == first
        assert all(row[-1] or (row[6] is None and row[7] is None) for row in first)
        operations = [row[0] for row in first]
        assert (operations[0], operations[-2:]) == ("I", ["B", "D"])
        assert first[-2][4] == first[-1][3], "the baseline has what the deletion has"

    check()


def insert(twins: Twins, row: dict[str, Any], session: dict[str, tuple[str, ...]]) -> None:
    names = "".join(f", {quoted(name)}" for name in row).replace("%", "%%")
    places = "".join(f", %s::{twins.columns[name][0]}" for name in row)
    twins.run(f"INSERT INTO {{table}} (id{names}) VALUES (1{places})", list(row.values()), session)


def update(twins: Twins, row: dict[str, Any], session: dict[str, tuple[str, ...]]) -> None:
    changes = [f"{quoted(name)} = %s::{twins.columns[name][0]}" for name in row]
    twins.run(f"UPDATE {{table}} SET {', '.join(['id = id', *changes])}", list(row.values()), session)


def baseline(twins: Twins) -> None:
    with twins.db.transaction():
        twins.db.execute(b"SET LOCAL quote_all_identifiers = on")
        for table in twins.tables:
            twins.db.execute("SELECT audit.record_baseline(%s)", [table.table_id])


def test_images_are_those_of_the_settings_that_are_pinned(kit_db: Database) -> None:
    kit_db.execute(
        b"CREATE TABLE public.t (id int PRIMARY KEY, m timestamptz, i interval, b bytea, f float8)"
    )
    enable(kit_db, "public.t")
    lines = []
    for number, zone in enumerate(("UTC", "Asia/Tokyo", "America/St_Johns")):
        with kit_db.transaction():
            kit_db.execute(f"SET LOCAL TimeZone = '{zone}'".encode())
            kit_db.execute(b"SET LOCAL bytea_output = escape")
            kit_db.execute(b"SET LOCAL extra_float_digits = -10")
            kit_db.execute(
                b"INSERT INTO public.t VALUES (%s, '2020-06-01 12:00+00', 'P1DT2H', '\\x00', 1.23456789)",
                [number],
            )
    lines = [event.new | {"id": None} for event in events(kit_db)]
    image = {"m": "2020-06-01T12:00:00+00:00", "i": "P1DT2H", "b": "\\x00", "f": "1.23456789", "id": None}
    assert [line for line, _ in itertools.groupby(lines)] == [image]

"""Columns of types of somebody's own: no cast or function of theirs runs while a row is recorded."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.kit import run
from tests.sealing import one
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]

TYPES = {
    "mood": "CREATE TYPE evil.mood AS ENUM ('sad', 'glad')",
    "pair": "CREATE TYPE evil.pair AS (a integer, b text)",
    "short": "CREATE DOMAIN evil.short AS text CHECK (length(value) < 100)",
    "doc": "CREATE DOMAIN evil.doc AS json",
    "pairs": "CREATE DOMAIN evil.pairs AS evil.pair",
    "floats": "CREATE TYPE evil.floats AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)",
    "moods": "CREATE TYPE evil.moods AS RANGE (SUBTYPE = evil.mood)",
    "nest": "CREATE TYPE evil.nest AS (p evil.pair, m evil.mood, r evil.floats)",
}
COLUMNS = {
    "m": "evil.mood",
    "p": "evil.pair",
    "s": "evil.short",
    "d": "evil.doc",
    "pp": "evil.pairs",
    "r": "evil.floats",
    "rm": "evil.moods",
    "n": "evil.nest",
    "ma": "evil.mood[]",
    "pa": "evil.pair[]",
    "sa": "evil.short[]",
    "ra": "evil.floats[]",
    "mr": "evil.moods[]",
}
BEFORE = (
    "'sad'", "'(1,x)'", "'abc'", "'{\"a\":  1}'", "'(2,y)'", "'[0.1,2)'", "'[sad,glad]'",
    "'(\"(1,x)\",sad,\"[1,2)\")'",
    "'{sad}'", "'{\"(1,x)\"}'", "'{abc}'", "'{\"[1,2)\"}'", "'{\"[sad,glad]\"}'",
)  # fmt: skip
AFTER = (
    "'glad'", "'(1,z)'", "'abd'", "'{\"a\": 1}'", "'(3,y)'", "'[0.1,3)'", "'[sad,sad]'",
    "'(\"(1,x)\",glad,\"[1,2)\")'",
    "'{glad}'", "'{\"(1,y)\"}'", "'{abd}'", "'{\"[1,3)\"}'", "'{\"[sad,sad]\"}'",
)  # fmt: skip
SHOWN = {
    "m": "glad", "p": "(1,z)", "s": "abd", "d": '{"a": 1}', "pp": "(3,y)", "r": "[0.1,3)", "rm": "[sad,sad]",
    "n": '("(1,x)",glad,"[1,2)")', "ma": "{glad}", "pa": '{"(1,y)"}', "sa": "{abd}", "ra": '{"[1,3)"}',
    "mr": '{"[sad,sad]"}',
}  # fmt: skip


@pytest.fixture
def owner(kit_db: Database) -> Connection:
    """The types' and the table's owner; casts of its own lead from each type to text, json and jsonb."""
    name = kit_db.role("owner")
    kit_db.execute("CREATE TABLE public.ran (who text, what text); GRANT INSERT ON public.ran TO PUBLIC")
    kit_db.execute(sql.SQL("CREATE SCHEMA evil AUTHORIZATION {}").format(sql.Identifier(name)))
    conn = connect(kit_db, name)
    for statement in TYPES.values():
        conn.execute(statement)
    cast_from = [
        "mood",
        "pair",
        "floats",
        "moods",
        "nest",
        "mood[]",
        "pair[]",
        "floats[]",
        "moods[]",
        "short[]",
    ]
    for at, source in enumerate(cast_from):
        for target in ("text", "json", "jsonb"):
            conn.execute(
                f"CREATE FUNCTION evil.to_{target}_{at}(evil.{source}) RETURNS {target} LANGUAGE plpgsql"
                f" AS $x$ BEGIN INSERT INTO public.ran VALUES (current_user, '{source} to {target}');"
                f" RETURN '\"forged\"'; END $x$;"
                f"CREATE CAST (evil.{source} AS {target})"
                f" WITH FUNCTION evil.to_{target}_{at}(evil.{source}) AS IMPLICIT"
            )
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    conn.execute(f"CREATE TABLE evil.t (id integer PRIMARY KEY, tenant evil.short, {columns})")
    return conn


@pytest.mark.parametrize("path", ["specialised", "generic", "baseline", "personal", "key"])
def test_values_of_anybodys_types_are_recorded_by_their_output_functions(
    kit_db: Database, owner: Connection, path: str
) -> None:
    insert = f"INSERT INTO evil.t VALUES (1, 'a', {', '.join(BEFORE)})"
    options = ["--tenant-column", "tenant"]
    if path == "personal":
        for name in COLUMNS:
            options += ["--personal", name]
    if path == "key":
        for name in ("id", "m", "p", "r", "s"):
            options += ["--key", name]
    if path == "baseline":
        owner.execute(insert)
        options.append("--baseline")
    assert run("--dsn", kit_db.dsn, "enable", "evil.t", *options).code == 0
    if path == "generic":
        kit_db.execute("SELECT audit.use_generic_capture(1, 1)")
    if path == "baseline":
        new = one(kit_db, "SELECT new_values FROM audit.events WHERE operation = 'BASELINE'")
        assert new["m"] == "sad" and new["d"] == '{"a":  1}'
    else:
        owner.execute(insert)
    owner.execute(f"UPDATE evil.t SET {', '.join(f'{n} = {v}' for n, v in zip(COLUMNS, AFTER, strict=True))}")
    new = one(kit_db, "SELECT new_values FROM audit.events WHERE operation = 'UPDATE'")
    assert {name: new[name] for name in COLUMNS} == SHOWN
    if path == "key":
        key = one(kit_db, "SELECT record_key FROM audit.events WHERE operation = 'UPDATE'")
        assert key == '["1", "sad", "(1,x)", "[0.1,2)", "abc"]'
    owner.execute("DELETE FROM evil.t")
    assert one(kit_db, "SELECT count(*) FROM audit.events WHERE operation = 'DELETE'") == 1
    assert kit_db.execute("SELECT DISTINCT who, what FROM public.ran").fetchall() == []


def test_the_casts_are_ones_that_would_run(kit_db: Database, owner: Connection) -> None:
    # else the tests above would show nothing
    owner.execute(
        "SELECT 'sad'::evil.mood::text, to_jsonb('sad'::evil.mood), to_json(ARRAY['[1,2)'::evil.floats])"
    )
    ran = {what for (what,) in kit_db.execute("SELECT what FROM public.ran")}
    assert {"mood to text", "mood to json"} <= ran

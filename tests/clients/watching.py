"""What tests of clients share: a worker beside them, and rows rebuilt from the log."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from tests.capture.helpers import Event, events, one, parse
from tests.kit import run
from tests.restore.programs import call
from tests.sealing import seal_all, sealed_once
from tests.servers import Database

Row = dict[str, Any]


@contextlib.contextmanager
def worker(dsn: str) -> Iterator[None]:
    """`pgaudit-kit run` for the block, sealing often; it must have had nothing to complain about."""
    command = [sys.executable, "-m", "pgaudit_kit", "--dsn", dsn, "run", "--every", "0.1", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", env=os.environ
    ) as process:
        try:
            assert process.stderr is not None
            assert json.loads(process.stderr.readline())["level"] == "info"
            yield
            process.terminate()
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert {json.loads(line)["level"] for line in err.splitlines()} <= {"info"}, err
    assert json.loads(out)["sealed"] > 0


def assert_verified(db: Database) -> None:
    """Nothing is left unsealed, everything is sealed once, and `verify` finds nothing."""
    seal_all(db)
    assert sealed_once(db)
    answer = run("--dsn", db.dsn, "verify", "--all", "--json")
    # without a baseline, a row that was updated to what it was may have been written past the triggers
    assert answer.code in (0, 4) and answer.json["findings"] == [], answer.out
    assert {one["levels"]["events"] for one in answer.json["tenants"]} == {"ok"}


def psql(db: Database, *arguments: str, code: int | None = 0) -> str:
    """psql, as people run it."""
    return program(db, "psql", "-X", "-q", "-d", db.dsn, *arguments, code=code)


def program(db: Database, name: str, *arguments: str, code: int | None = 0) -> str:
    """One of the server's own programs; what it said."""
    if db.server.bindir is None:
        pytest.skip("the server's programs are not on this machine")
    return call(db.server.bindir, name, *arguments, code=code)


def tables_of(db: Database, schema: str = "public") -> list[str]:
    """Names of ordinary and partitioned tables, no partitions."""
    query = (
        "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class AS c"
        " INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    )
    return [name for (name,) in db.execute(query, [schema])]


def replay(db: Database, table: str) -> dict[str, Row]:
    """The table's rows by their keys, as the log tells them; what it says was there must have been.

    Changes of definitions are no events: columns may come and go.
    """
    key = key_columns(db, table)
    rows: dict[str, Row] = {}
    for event in events(db, oid=one(db, "SELECT %s::regclass::oid::bigint", table)):
        _step(rows, event, key)
    return rows


def _step(rows: dict[str, Row], event: Event, key: list[str]) -> None:
    if event.operation == "TRUNCATE":
        rows.clear()
        return
    assert event.record_key is not None
    if event.operation in ("INSERT", "BASELINE"):
        assert event.record_key not in rows, event
        rows[event.record_key] = event.new
        return
    before = rows.pop(event.record_key)
    common = event.old.keys() & before.keys()
    assert {name: event.old[name] for name in common} == {name: before[name] for name in common}, event
    if event.operation == "UPDATE":
        after = {**before, **event.new}
        rows[_key(after, key)] = after


def key_columns(db: Database, table: str) -> list[str]:
    """The columns of the key under which the table's events stand."""
    columns: list[str] = one(
        db,
        "SELECT v.key_columns FROM audit.audited_tables AS t INNER JOIN audit.table_versions AS v"
        " USING (table_id, table_version) WHERE t.relation = %s::regclass AND t.enabled",
        table,
    )
    return columns


def rows_now(db: Database, table: str) -> dict[str, Row]:
    """The table's rows by their keys, as they are."""
    key = key_columns(db, table)
    with db.transaction():
        db.execute("SET LOCAL TimeZone = 'UTC'")
        query = f"SELECT to_jsonb(t)::text FROM {table} AS t"
        rows = [parse(text) for (text,) in db.execute(query.encode())]
    return {_key(row, key): row for row in rows}


def _key(row: Row, key: list[str]) -> str:
    values = [str(row[name]) if row[name] is not None else None for name in key]
    return str(values[0]) if len(key) == 1 else json.dumps(values)


def assert_replayed(db: Database, *tables: str, added: Collection[str] = ()) -> None:
    """The log alone gives each table's rows as they are, but for columns added since they were written."""
    for table in tables:
        told, found = replay(db, table), rows_now(db, table)
        assert told.keys() == found.keys(), table
        for key, row in found.items():
            absent = row.keys() - told[key].keys()
            assert absent <= set(added), (table, absent)
            assert row == {name: told[key].get(name, value) for name, value in row.items()}, table

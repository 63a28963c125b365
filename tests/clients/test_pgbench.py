"""pgbench's tables under its own TPC-B load, and what its users do to them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.capture.helpers import controls, enable, events, one
from tests.clients.watching import assert_verified, program, psql, worker
from tests.kit import Kit, run
from tests.servers import Database

HASH = ("--partitions=4", "--partition-method=hash")
ACCOUNTS, BRANCHES, TELLERS, HISTORY = TABLES = tuple(
    f"public.pgbench_{name}" for name in ("accounts", "branches", "tellers", "history")
)
HISTORY_KEY = ("--key", "tid", "--key", "bid", "--key", "aid", "--key", "mtime")
CLIENTS, EACH = 8, 120

BALANCES = """
    SELECT count(*)
    FROM {table} AS t
    LEFT JOIN (
        SELECT e.record_key,
            sum((e.new_values ->> '{column}')::int - (e.old_values ->> '{column}')::int) AS delta
        FROM audit.events AS e
        WHERE e.table_name = '{table}' AND e.operation = 'UPDATE'
        GROUP BY e.record_key
    ) AS s ON s.record_key = t.{key}::text
    WHERE t.{column} <> coalesce(s.delta, 0)
"""
BROKEN_PAIRS = """
    SELECT count(*)
    FROM (
        SELECT e.old_values AS old,
            lag(e.new_values) OVER (PARTITION BY e.table_name, e.record_key ORDER BY e.event_id) AS before
        FROM audit.events AS e
        WHERE e.operation = 'UPDATE'
    ) AS p
    WHERE p.before <> p.old
"""
TRANSACTIONS = """
    SELECT array_agg(e.table_name ORDER BY e.event_id), count(*)
    FROM audit.events AS e
    WHERE e.operation IN ('INSERT', 'UPDATE') AND e.transaction_id IN (
        SELECT i.transaction_id FROM audit.events AS i
        WHERE i.table_name = 'public.pgbench_history' AND i.new_values ->> 'delta' <> '0'
    )
    GROUP BY e.transaction_id
"""


def initialize(db: Database, *options: str) -> None:
    program(db, "pgbench", "-i", "-q", "-s", "1", *options, db.dsn)


def load(db: Database, *options: str) -> int:
    """TPC-B from eight clients; how many transactions pgbench says it did, none of them failed."""
    said = program(
        db, "pgbench", "-n", "-c", str(CLIENTS), "-j", "2", "-t", str(EACH), *options, db.dsn
    )  # fmt: skip
    done = re.search(r"transactions actually processed: (\d+)/(\d+)", said)
    assert done and done[1] == done[2], said
    assert re.search(r"failed transactions: 0 |^(?!.*failed)", said, re.S), said
    return int(done[1])


def audit_all(db: Database) -> None:
    enable(db, ACCOUNTS)
    enable(db, BRANCHES)
    enable(db, TELLERS)
    enable(db, HISTORY, *HISTORY_KEY)


@pytest.fixture
def bench(kit_db: Database) -> Database:
    """pgbench's tables, audited."""
    initialize(kit_db)
    audit_all(kit_db)
    return kit_db


@pytest.mark.parametrize(
    ("tables", "protocol"), [((), "simple"), (HASH, "prepared")], ids=["plain", "hash partitions, prepared"]
)
def test_each_change_of_a_load_is_one_event(kit_db: Database, tables: tuple[str, ...], protocol: str) -> None:
    bench = kit_db
    initialize(bench, *tables)
    audit_all(bench)
    with worker(bench.dsn):
        number = load(bench, "-M", protocol)
    assert number == CLIENTS * EACH == one(bench, "SELECT count(*) FROM pgbench_history")
    # An account that is given 0 does not change: no event.
    changed = one(bench, "SELECT count(*) FROM pgbench_history WHERE delta <> 0")
    query = (
        "SELECT table_name, operation, count(*)::int FROM audit.events"
        " WHERE operation <> 'CONTROL' GROUP BY table_name, operation"
    )
    assert set(bench.execute(query.encode())) == {
        (ACCOUNTS, "UPDATE", changed),
        (BRANCHES, "UPDATE", changed),
        (TELLERS, "UPDATE", changed),
        (HISTORY, "INSERT", number),
    }
    assert (
        bench.execute(TRANSACTIONS.encode()).fetchall()
        == [([ACCOUNTS, TELLERS, BRANCHES, HISTORY], 4)] * changed
    )
    for table, key, column in (
        (ACCOUNTS, "aid", "abalance"),
        (BRANCHES, "bid", "bbalance"),
        (TELLERS, "tid", "tbalance"),
    ):
        assert one(bench, BALANCES.format(table=table, key=key, column=column)) == 0
    assert one(bench, BROKEN_PAIRS) == 0
    assert_verified(bench)


@pytest.mark.any_server
def test_a_table_without_a_key_is_refused_with_a_way_out(kit_db: Database) -> None:
    initialize(kit_db)
    kit = Kit(kit_db.dsn)
    error = kit("enable", *TABLES, "--json", code=2).json["error"]
    assert error["id"] == "no-primary-key"
    assert HISTORY in error["message"]
    assert "--key" in error["hint"]
    assert kit("status", "--json").json["tables"] == []
    enable(kit_db, HISTORY, *HISTORY_KEY)
    load(kit_db, "-N")
    assert {event.operation for event in events(kit_db)} == {"INSERT"}


def test_maintenance_writes_no_event_and_hinders_none(bench: Database) -> None:
    psql(
        bench, "-c", "VACUUM", "-c", "VACUUM FULL pgbench_history", "-c", "ANALYZE",
        "-c", "REINDEX TABLE pgbench_tellers", "-c", "CLUSTER pgbench_branches USING pgbench_branches_pkey",
    )  # fmt: skip
    assert events(bench) == []
    assert Kit(bench.dsn).plan() == []
    rows = "1\t1\t7\t5\t2026-01-01 00:00:00\t\\N\n" * 2
    with bench.cursor().copy("COPY pgbench_history FROM STDIN") as copy:
        copy.write(rows)
    psql(bench, "-c", "TRUNCATE pgbench_history")
    assert [(event.operation, event.record_key) for event in events(bench)] == [
        ("INSERT", '["1", "1", "7", "2026-01-01 00:00:00"]')
    ] * 2 + [("TRUNCATE", None)]
    assert_verified(bench)


def declared(db: Database, path: Path) -> Kit:
    """A configuration file that declares pgbench's tables."""
    kit = Kit(db.dsn, path / "pgaudit.toml")
    tables = "".join(f'[[tables]]\nname = "{name}"\n' for name in TABLES)
    kit.declare(tables + 'key = ["tid", "bid", "aid", "mtime"]\n')
    kit("apply", "--yes")
    return kit


def test_tables_made_anew_are_audited_as_declared(kit_db: Database, tmp_path: Path) -> None:
    """`pgbench -i` drops its tables and creates them again: other tables of the same names."""
    initialize(kit_db)
    kit = declared(kit_db, tmp_path)
    initialize(kit_db)
    dropped = controls(kit_db)[-4:]
    assert {(said["kind"], said["table"]) for said in dropped} == {("table-dropped", name) for name in TABLES}
    again = [target for op, kind, target in kit.plan() if (op, kind) == ("create", "registry")]
    assert sorted(again) == sorted(TABLES)
    kit("apply", "--yes")
    number = load(kit_db)
    assert len([event for event in events(kit_db) if event.table_name == HISTORY]) == number
    assert_verified(kit_db)


@pytest.mark.any_server
def test_without_a_file_tables_made_anew_are_told_until_somebody_decides(kit_db: Database) -> None:
    initialize(kit_db)
    audit_all(kit_db)
    initialize(kit_db)
    kit = Kit(kit_db.dsn)

    def told() -> list[str]:
        notes = kit("plan", "--json").json["notes"]
        checks = {
            check["name"]: check for check in run("--dsn", kit_db.dsn, "doctor", "--json").json["checks"]
        }
        findings = [f["message"] for f in checks["made-anew"]["findings"] if f["level"] == "warn"]
        assert len(findings) == len(notes)
        return [name for name in TABLES if any(name in note for note in notes)]

    assert told() == list(TABLES)
    enable(kit_db, ACCOUNTS)
    enable(kit_db, BRANCHES)
    kit("disable", BRANCHES, "--yes")
    assert told() == [TELLERS, HISTORY]
    psql(kit_db, "-c", "DROP TABLE pgbench_history")
    assert told() == [TELLERS]


@pytest.mark.any_server
def test_a_declared_table_that_was_dropped_says_so(kit_db: Database, tmp_path: Path) -> None:
    initialize(kit_db)
    kit = declared(kit_db, tmp_path)
    psql(kit_db, "-c", "DROP TABLE pgbench_tellers")
    error = kit("plan", "--json", code=2).json["error"]
    assert (error["id"], error["message"]) == ("absent-table", f"{TELLERS} was dropped while it was audited.")
    kit("disable", TELLERS, "--yes")
    kit("apply", "--yes")
    assert kit.plan() == []

"""`pgaudit-kit bench` leaves nothing behind, however it ends, and shows nobody what it copied."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgaudit_kit.bench import scratch as places
from pgaudit_kit.bench.scratch import Scratch
from tests.cli.benching import FEW, ORDERS, bench, left, started, wait_for
from tests.servers import Database

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shop(db: Database) -> Database:
    """A database without the kit."""
    db.execute(ORDERS)
    return db


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_it_finds_nothing_left(shop: Database, number: signal.Signals):
    child = started(shop)
    child.send_signal(number)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert left(shop) == []


def test_what_a_killed_run_left_is_removed_by_the_next(shop: Database):
    child = started(shop)
    child.kill()
    child.communicate(timeout=60)
    assert len(left(shop)) == 3  # two schemas, and the role that owns the log
    wait_for(
        shop,
        "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE application_name = 'pgaudit-kit' AND datname = current_database())",
    )
    answer = bench(shop.dsn, "public.orders", *FEW)
    assert "Removed pgaudit_kit_bench_" in answer.err
    assert left(shop) == []


def test_a_measurement_under_way_is_left_alone(shop: Database):
    child = started(shop)
    others = left(shop)
    bench(shop.dsn, "public.orders", *FEW)
    assert left(shop) == others
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert left(shop) == []


def test_a_lost_connection_leaves_nothing_either(shop: Database):
    child = started(shop)
    shop.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'pgaudit-kit' AND datname = current_database()"
    )
    _, err = child.communicate(timeout=60)
    assert child.returncode == 3, err
    assert "error[server-unreachable]" in err
    assert left(shop) == []


def test_where_it_cannot_tidy_up_it_says_what_to_run(shop: Database, monkeypatch: pytest.MonkeyPatch):
    drop: Callable[..., None] = places.drop
    names = []

    def refused(conn: psycopg.Connection[Any], scratch: Scratch, **options: Any) -> None:
        names.append(scratch)
        raise psycopg.OperationalError("the server is gone")

    monkeypatch.setattr(places, "drop", refused)
    answer = bench(shop.dsn, "public.orders", *FEW, code=3)
    assert "error[scratch-left]" in answer.err
    assert names[0].by_hand in answer.err
    monkeypatch.setattr(places, "drop", drop)
    shop.execute(names[0].by_hand)
    assert left(shop) == []


def test_copied_rows_are_nobody_elses_to_read(shop: Database):
    other = shop.role()
    shop.execute(
        f"ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO {other};"
        f" ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {other}"
    )
    child = started(shop)
    seen = shop.execute(
        "SELECT count(*), bool_or(has_schema_privilege(%s, oid, 'USAGE')) FROM pg_namespace"
        " WHERE nspname ~ '^pgaudit_kit_bench'",
        [other],
    ).fetchone()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert seen == (2, False)
    shop.execute(f"DROP OWNED BY {other}")

"""Writers at every isolation level beside sealers: nothing fails because of the kit, nothing is lost.

Why the kit can add no serialization failure. A SERIALIZABLE transaction fails over what it read and
others wrote. In a writer's transaction the capture triggers read no table of the kit, they insert
into the log; catalogs take no predicate locks. seal() refuses every level but READ COMMITTED, which
takes none either. REPEATABLE READ fails over rows that others updated: triggers insert rows only.
Nor can it add a deadlock: writers wait for nobody in the log (the numbers come from a sequence, the
unique keys never collide), and seal() locks a table that no writer touches, without waiting.
"""

from __future__ import annotations

import os
import time

import pytest

from tests.concurrency.load import LEVELS, WRITERS, Outcome, create_rows, run_alone, run_load, sealers
from tests.kit import run
from tests.sealing import assert_sound, one, seal, seal_all, sealed_once
from tests.servers import Database, connect

SECONDS = float(os.environ.get("PGAUDIT_KIT_LOAD_SECONDS", "8"))
SEED = int(os.environ.get("PGAUDIT_KIT_LOAD_SEED", "1"))
LATENCY_S = 2.0


@pytest.mark.long
def test_a_contended_load_is_sealed_once_in_order_and_soon(kit_db: Database) -> None:
    for table in ("public.plain", "public.doc"):
        create_rows(kit_db, table)
    _enable(kit_db, "public.doc")
    without = run_load(kit_db, "public.plain", SECONDS / 2, SEED)
    idle = connect(kit_db)
    with sealers(kit_db) as failed:
        _open_transactions(kit_db, idle)
        outcome = run_load(kit_db, "public.doc", SECONDS, SEED)
        time.sleep(LATENCY_S / 2)  # what committed last is sealed by those who run
    assert failed == []
    assert set(without.failures) <= {"40001"}, without.messages
    assert set(outcome.failures) <= {"40001"}, outcome.messages
    assert outcome.rate("40001") <= without.rate("40001") * 1.5 + 0.05
    assert len(outcome.commits) > 100
    _assert_recorded(kit_db, {commit.transaction_id: commit.events for commit in outcome.commits})
    _assert_soon(kit_db, {commit.transaction_id: commit.sent_at for commit in outcome.commits})
    assert seal(kit_db) == 0, "the sealers had left something"
    idle.commit()
    assert seal(kit_db) == 1
    kit_db.execute("COMMIT PREPARED 'prepared'")
    assert seal(kit_db) == 1
    idle.close()
    assert sealed_once(kit_db)
    _assert_ordered(kit_db)
    assert_sound(kit_db)
    print(f"\n{kit_db.server.name}: {_summary(outcome)}; without the kit {_summary(without)}")
    _assert_verified(kit_db)


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_writers_that_share_nothing_but_the_log_never_fail(kit_db: Database, level) -> None:
    tables = [f"public.own_{number}" for number in range(WRITERS)]
    for table in tables:
        create_rows(kit_db, table)
    _enable(kit_db, *tables)
    with sealers(kit_db, every=0.01) as failed:
        run_alone(kit_db, tables, level, 60)
    assert failed == []
    seal_all(kit_db)
    assert sealed_once(kit_db)
    assert one(kit_db, "SELECT count(*) FROM audit.change_events WHERE operation = 'U'") == WRITERS * 140


def _summary(outcome: Outcome) -> str:
    return f"{len(outcome.commits)} commits of {outcome.attempts}, failures {dict(outcome.failures)}"


def _enable(db: Database, *tables: str) -> None:
    answer = run("--dsn", db.dsn, "enable", *tables, "--tenant-column", "tenant")
    assert answer.code == 0, answer.err


def _open_transactions(db: Database, idle) -> None:
    """One that wrote and idles, and a prepared one, on rows that the load leaves alone."""
    db.execute("INSERT INTO public.doc VALUES (1001, 't0', 0), (1002, 't1', 0)")
    idle.autocommit = False
    idle.execute("UPDATE public.doc SET n = 1 WHERE id = 1001")
    with connect(db) as conn:
        conn.execute("BEGIN")
        conn.execute("UPDATE public.doc SET n = 1 WHERE id = 1002")
        conn.execute("PREPARE TRANSACTION 'prepared'")


def _assert_recorded(db: Database, expected: dict[int, int]) -> None:
    """Each committed transaction has as many events as it changed rows."""
    rows = db.execute("SELECT transaction_id, count(*) FROM audit.change_events GROUP BY 1")
    recorded = dict(rows.fetchall())
    assert {xid: recorded.get(xid, 0) for xid in expected} == expected


def _assert_soon(db: Database, sent_at: dict[int, float]) -> None:
    rows = db.execute(
        "SELECT e.transaction_id, max(extract(epoch FROM b.sealed_at))::float8"
        " FROM audit.blocks AS b CROSS JOIN unnest(b.event_ids) AS i"
        " INNER JOIN audit.change_events AS e ON e.event_id = i GROUP BY 1"
    )
    waited = [sealed_at - sent_at[xid] for xid, sealed_at in rows if xid in sent_at]
    assert max(waited) <= LATENCY_S, f"sealed {max(waited):.2f} s after its commit"


def _assert_ordered(db: Database) -> None:
    """Along each row's history, as the chain has it, every change follows the one that it changed."""
    broken = db.execute(
        """
        SELECT record_key, event_id, n_before, n_last FROM (
            SELECT
                e.record_key, e.event_id, (e.old_values ->> 'n')::int AS n_before,
                lag((e.new_values ->> 'n')::int, 1, 0) OVER w AS n_last,
                lag(e.event_id, 1, 0::bigint) OVER w AS last_event_id
            FROM audit.chain AS c
            INNER JOIN audit.change_events AS e ON e.event_id = c.event_id
            WHERE e.operation = 'U'
            WINDOW w AS (PARTITION BY e.record_key ORDER BY c.position)
        ) AS s
        WHERE n_before <> n_last OR event_id <= last_event_id
        """
    ).fetchall()
    assert broken == []


def _assert_verified(db: Database) -> None:
    answer = run("--dsn", db.dsn, "verify", "--all", "--json")
    assert answer.code == 0, answer.out

"""Bulk statements beside sealers and changes of definition: nothing fails, nothing is lost or twice."""

from __future__ import annotations

import threading
from collections import Counter

import psycopg
import pytest

from tests.concurrency.load import LEVELS, sealers
from tests.kit import run
from tests.sealing import assert_sound, one, seal_all, sealed_once
from tests.servers import Database, connect

ROUNDS = 12
ROWS = 40


@pytest.mark.parametrize("ddl", [False, True], ids=["sealers", "sealers and DDL"])
def test_bulk_statements_are_recorded_once(kit_db: Database, ddl: bool) -> None:
    kit_db.execute("CREATE TABLE public.doc (id integer PRIMARY KEY, tenant text NOT NULL, a text)")
    assert run("--dsn", kit_db.dsn, "enable", "public.doc", "--tenant-column", "tenant", "--bulk").code == 0
    kept: Counter[str] = Counter()
    raised: list[BaseException] = []

    def writer(number: int, level: psycopg.IsolationLevel) -> None:
        try:
            with connect(kit_db) as conn:
                conn.autocommit, conn.isolation_level = False, level
                for turn in range(ROUNDS):
                    kept.update(_transaction(conn, number * 100_000 + turn * ROWS, committed=turn % 4 != 3))
        except BaseException as error:
            raised.append(error)

    writers = [
        threading.Thread(target=writer, args=(n, level)) for n, level in enumerate((*LEVELS, LEVELS[0]))
    ]
    with sealers(kit_db, every=0.02) as failed:
        for thread in writers:
            thread.start()
        turn = 0
        while ddl and any(thread.is_alive() for thread in writers):
            turn += 1
            for statement in (f"ADD x{turn} int DEFAULT 1", f"RENAME x{turn} TO y{turn}", f"DROP y{turn}"):
                kit_db.execute(f"ALTER TABLE public.doc {statement}")
            assert run("--dsn", kit_db.dsn, "apply", "--yes").code == 0
        for thread in writers:
            thread.join()
    assert (failed, raised) == ([], [])
    seal_all(kit_db)
    assert sealed_once(kit_db)
    assert_sound(kit_db)
    recorded = kit_db.execute(
        "SELECT operation::text || ' ' || record_key, count(*) FROM audit.change_events"
        " WHERE operation <> 'C' GROUP BY 1"
    ).fetchall()
    assert dict(recorded) == dict(kept)
    assert one(kit_db, "SELECT count(*) FROM public.doc") == sum(key[0] == "I" for key in kept) - sum(
        key[0] == "D" for key in kept
    )
    assert run("--dsn", kit_db.dsn, "verify", "--all").code == 0


def _transaction(conn: psycopg.Connection, first: int, *, committed: bool) -> Counter[str]:
    """Rows come by INSERT, some of them go again; a savepoint with more of both is rolled back."""
    query = (
        "INSERT INTO public.doc (id, tenant) SELECT n, 't' || n %% 3 FROM generate_series(%s::int, %s) AS n"
    )
    conn.execute(query, [first, first + ROWS // 2 - 1])
    with conn.transaction(force_rollback=True):
        conn.execute(query, [first + ROWS // 2, first + ROWS - 1])
        conn.execute("DELETE FROM public.doc WHERE id BETWEEN %s AND %s", [first, first + ROWS])
    conn.execute("DELETE FROM public.doc WHERE id BETWEEN %s AND %s", [first, first + 4])
    if not committed:
        conn.rollback()
        return Counter()
    conn.commit()
    inserted = Counter(f"I {number}" for number in range(first, first + ROWS // 2))
    return inserted + Counter(f"D {number}" for number in range(first, first + 5))

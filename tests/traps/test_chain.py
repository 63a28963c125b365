"""T3, T12: no writer waits for the chain or forks it, whatever its isolation, savepoints or second phase."""

from __future__ import annotations

import contextlib

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.sealing import assert_sound, blocks, sealed
from tests.servers import connect
from tests.traps.trap import Trap

TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, tenant text, a text)"


def write(conn: psycopg.Connection, number: int, tenant: str) -> None:
    conn.execute("INSERT INTO public.t VALUES (%s, %s, 'x')", [number, tenant])


@pytest.mark.parametrize("level", list(IsolationLevel)[1:], ids=lambda level: level.name)
def test_writers_of_two_tenants_in_opposite_order_neither_wait_nor_fork_the_chain(
    trap: Trap, level: IsolationLevel
):
    """Locks held per tenant would deadlock here; a head that writers read would fork or fail with 40001."""
    trap.audit(TABLE, "--tenant-column", "tenant")
    with contextlib.ExitStack() as stack:
        one, two = (stack.enter_context(connect(trap.db, autocommit=False)) for _ in range(2))
        for conn in (one, two):
            conn.isolation_level = level
            conn.execute("SET lock_timeout = '5s'")
            conn.execute("SELECT count(*) FROM pg_class")  # takes the snapshot
        write(one, 1, "a")
        write(two, 2, "b")
        trap.kit("seal")
        write(one, 3, "b")
        write(two, 4, "a")
        for conn in (one, two):
            conn.execute("SAVEPOINT s")
            write(conn, 9, "a") if conn is one else write(conn, 8, "b")
            conn.execute("ROLLBACK TO s")
            conn.execute("SET CONSTRAINTS ALL IMMEDIATE")  # any role may: must not pull a seal forward
        two.commit()
        trap.kit("seal")
        one.commit()
    trap.proved()
    assert_sound(trap.db)
    chains = blocks(trap.db)
    counts = {tenant: sum(block.event_count or 0 for block in chains[tenant]) for tenant in ("a", "b")}
    assert counts == {"a": 2, "b": 2}


def test_a_prepared_transaction_holds_nobody_up_and_is_sealed_once_when_committed(trap: Trap):
    t = trap.audit(TABLE, "--tenant-column", "tenant")
    trap.proved()
    with connect(trap.db, autocommit=False) as conn:
        write(conn, 1, "a")
        conn.execute(f"PREPARE TRANSACTION '{trap.db.name}'")
    with connect(trap.db) as conn:
        conn.execute("SET lock_timeout = '5s'")
        write(conn, 2, "a")
    assert [event.record_key for event in t.events()] == ["2"]
    trap.proved()
    chained = {event for block in blocks(trap.db)["a"] for event in block.event_ids or []}
    assert chained == {event.event_id for event in t.events()}
    trap.do(f"COMMIT PREPARED '{trap.db.name}'")
    trap.proved()
    both = {event.record_key: event.event_id for event in t.events()}
    assert both["1"] < both["2"], "its number is the older one, and was sealed later"
    assert [sealed(trap.db).count(event) for event in both.values()] == [1, 1]


def test_a_seal_under_a_frozen_snapshot_is_refused(trap: Trap):
    trap.audit(TABLE, "--tenant-column", "tenant")
    with connect(trap.db, autocommit=False) as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.InvalidTransactionState):
            conn.execute("SELECT audit.seal()")

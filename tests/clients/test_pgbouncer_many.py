"""Thousands of interleaved transactions through one small pool: no event has a context that is not its own.

HYPOTHESIS_PROFILE=long takes 100,000; PGAUDIT_KIT_TRANSACTIONS says another number.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from typing import Any

import psycopg
import pytest

from pgaudit_kit.clients.hlc import Clock, Moment
from pgaudit_kit.clients.psycopg import audit_context, say
from tests.capture.helpers import enable, one
from tests.clients.pooler import backends, pgbouncer, pooled
from tests.servers import Database

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
TRANSACTIONS = int(os.environ.get("PGAUDIT_KIT_TRANSACTIONS", "100000" if LONG else "20000"))
PROCESSES, CLIENTS, POOL = 2, 40, 4


def turns(dsn: str, process: int, number: int) -> None:
    """Transactions of many clients, one client's step after another's, each under a name used once."""
    choice = random.Random(process)
    clock = Clock(f"node-{process}")
    clients = [pooled(dsn) for _ in range(CLIENTS // PROCESSES)]
    opened: dict[int, tuple[audit_context, str | None]] = {}
    for turn in range(number):
        # what fits into the pool is open at once; others wait for one of these to end
        if len(opened) == POOL // PROCESSES or (opened and choice.random() < 0.4):
            end(clients, opened, choice)
        index = choice.choice([i for i in range(len(clients)) if i not in opened])
        begin(clients[index], opened, index, f"{process}-{turn}", choice, clock)
    while opened:
        end(clients, opened, choice)
    for conn in clients:
        conn.close()


def begin(
    conn: psycopg.Connection[Any],
    opened: dict[int, tuple[audit_context, str | None]],
    index: int,
    name: str,
    choice: random.Random,
    clock: Clock,
) -> None:
    kind = choice.randrange(5)
    if kind == 0:  # says nothing, in a transaction of its own
        conn.execute("INSERT INTO public.doc (who) VALUES (NULL)")
        return
    context = audit_context(conn, actor_id=name, session_id=name, clock=clock)
    context.__enter__()
    opened[index] = (context, name if kind > 1 else None)


def end(
    clients: list[psycopg.Connection[tuple[object, ...]]],
    opened: dict[int, tuple[audit_context, str | None]],
    choice: random.Random,
) -> None:
    index = choice.choice(list(opened))
    context, name = opened.pop(index)
    if name is None:  # fails: it writes, and what it writes is rolled back
        clients[index].execute("INSERT INTO public.doc (who) VALUES ('rolled back')")
        context.__exit__(psycopg.Rollback, psycopg.Rollback(), None)
        return
    say(clients[index], action=f"by {name}")
    clients[index].execute("INSERT INTO public.doc (who) VALUES (%s)", [name])
    context.__exit__(None, None, None)


def interleaved(db: Database, transactions: int) -> None:
    db.execute("CREATE TABLE public.doc (id bigserial PRIMARY KEY, who text)")
    enable(db, "public.doc")
    before = backends(db)
    with pgbouncer(db, default_pool_size=str(POOL)) as dsn:
        each = transactions // PROCESSES
        spawn = multiprocessing.get_context("spawn")
        workers = [spawn.Process(target=turns, args=(dsn, n, each)) for n in range(PROCESSES)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * PROCESSES
        assert backends(db) - before <= POOL, "clients share connections"
    assert one(db, "SELECT count(*)::int FROM public.doc") > transactions // 2


WRONG = """
    SELECT count(*)::int FROM audit.events
    WHERE operation = 'INSERT' AND (
        actor_id IS DISTINCT FROM new_values ->> 'who'
        OR session_id IS DISTINCT FROM actor_id
        OR action IS DISTINCT FROM 'by ' || actor_id
        OR node_id IS DISTINCT FROM 'node-' || split_part(actor_id, '-', 1)
        OR (context ? 'hlc') <> (actor_id IS NOT NULL)
    )
"""


def assert_each_has_its_own(db: Database) -> None:
    assert one(db, "SELECT count(*)::int FROM audit.events WHERE operation = 'INSERT'") == one(
        db, "SELECT count(*)::int FROM public.doc"
    )
    assert one(db, WRONG) == 0
    said = db.execute(
        "SELECT context ->> 'hlc', actor_id FROM audit.events WHERE actor_id IS NOT NULL ORDER BY 1"
    ).fetchall()
    moments = [Moment.parse(hlc) for hlc, _ in said]
    for process in range(PROCESSES):
        turn = [int(actor.split("-")[1]) for _, actor in said if actor.startswith(f"{process}-")]
        assert turn == sorted(turn), "a node's moments have the order in which it gave them"
    assert moments == sorted(moments)


def test_no_context_is_on_another_transactions_event(kit_db: Database) -> None:
    interleaved(kit_db, 2_000)
    assert_each_has_its_own(kit_db)


@pytest.mark.long
@pytest.mark.any_server
def test_nor_in_many_thousands_of_them(kit_db: Database) -> None:
    interleaved(kit_db, TRANSACTIONS)
    assert_each_has_its_own(kit_db)

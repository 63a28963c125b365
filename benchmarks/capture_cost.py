"""CPU that capturing one row change costs, server and client together, beside no trigger.

One statement a transaction, since PL/pgSQL prepares its expressions anew in each; on several
connections and in interleaved rounds, since a busy machine slows whoever is at work.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable

from benchmarks.common import Connection, connect, cpu_us, kit, kit_server, parser, save

COLUMNS = (
    "id int PRIMARY KEY, tenant_id int NOT NULL, a text, b text, c int, d bigint, e numeric,"
    " f timestamptz DEFAULT now(), g bool, h text, i date, j int, k text"
)
ROW = (
    "SELECT i, i % 10, 'text a ' || i, repeat('x', 50), i, i, i * 1.5, now(), true, 'h', '2026-01-01', i, 'k'"
)
ROWS = 2000
TABLES = ("plain", "specialised", "generic", "personal")
Work = Callable[[Connection, str, int], object]


def update(conn: Connection, table: str, at: int) -> object:
    query = f"UPDATE public.{table} SET c = c + 1, a = %s WHERE id = %s"
    return conn.execute(query, [f"value {at}", at % ROWS + 1], prepare=True)


def insert(conn: Connection, table: str, at: int) -> object:
    query = f"INSERT INTO public.{table} SELECT %s, 1, 'a', 'b', 1, 2, 3, now(), true, 'h', '2026-01-01'"
    return conn.execute(query, [1_000_000 + at], prepare=True)


def delete(conn: Connection, table: str, at: int) -> object:
    return conn.execute(f"DELETE FROM public.{table} WHERE id = %s", [1_000_000 + at], prepare=True)


def with_context(conn: Connection, table: str, at: int) -> object:
    with conn.transaction():
        if table != "plain":
            query = "SELECT audit.set_context(actor_id => 'u1', action => 'edit', request_id => 'r1')"
            conn.execute(query, prepare=True)
        return update(conn, table, at)


def in_transaction(conn: Connection, table: str, at: int) -> object:
    with conn.transaction():
        return update(conn, table, at)


CASES: dict[str, Work] = {
    "update": update,
    "insert": insert,
    "delete": delete,
    "update in a transaction block": in_transaction,
    "update with set_context": with_context,
}


def prepare(dsn: str) -> None:
    with connect(dsn) as conn:
        for table in TABLES:
            conn.execute(f"CREATE TABLE public.{table} ({COLUMNS}) WITH (fillfactor = 50)")
            conn.execute(f"INSERT INTO public.{table} {ROW} FROM generate_series(1, {ROWS}) AS i")
        kit(dsn, "enable", "public.specialised", "public.generic", "--tenant-column", "tenant_id")
        kit(dsn, "enable", "public.personal", "--tenant-column", "tenant_id", "--personal", "a")
        conn.execute(
            "SELECT audit.use_generic_capture(t.table_id, t.table_version)"
            " FROM audit.audited_tables AS t WHERE t.relation = 'public.generic'::regclass"
        )
        conn.execute("VACUUM ANALYZE")


def measure(dsn: str, work: Work, table: str, connections: int, first: int, count: int) -> float:
    """CPU microseconds a transaction, of the backends and of this process."""
    conns = [connect(dsn) for _ in range(connections)]
    share = count // connections

    def run(number: int, start: int, much: int) -> None:
        for at in range(start, start + much):
            work(conns[number], table, at * connections + number)

    def all_run(start: int, much: int) -> None:
        threads = [threading.Thread(target=run, args=(n, start, much)) for n in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    warm = share // 10
    all_run(first, warm)
    pids = [conn.info.backend_pid for conn in conns]
    before = cpu_us(*pids) + time.process_time() * 1e6
    all_run(first + warm, share)
    spent = cpu_us(*pids) + time.process_time() * 1e6 - before
    for conn in conns:
        conn.close()
    return spent / (share * connections)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--count", type=int, default=2000, help="transactions a round, case and table")
    options.add_argument("--connections", type=int, default=4)
    given = options.parse_args()
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    with kit_server(given.server) as dsn:
        prepare(dsn)
        first = 0
        for _ in range(given.rounds):
            for case, work in CASES.items():
                for table in TABLES:
                    cost = measure(dsn, work, table, given.connections, first, given.count)
                    taken[case, table].append(cost)
                if case != "insert":
                    first += given.count  # a delete finds what the insert made
            with connect(dsn) as conn:
                conn.execute("SELECT audit.seal()")
        figures = {}
        for case in CASES:
            base = statistics.median(taken[case, "plain"])
            figures[case] = {"no trigger": round(base)}
            for table in TABLES[1:]:
                figures[case][table] = round(statistics.median(taken[case, table]) - base)
        with connect(dsn) as conn:
            save(
                "capture_cost",
                given.server,
                conn,
                {
                    "unit": "CPU microseconds a transaction, median of rounds; tables: what the trigger adds",
                    "rounds": given.rounds,
                    "transactions": given.count,
                    "connections": given.connections,
                    **figures,
                },
            )


if __name__ == "__main__":
    main()

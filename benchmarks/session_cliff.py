"""Whether a session that made small changes pays more for a large one, or the other way round.

Triggers with transition tables do: PL/pgSQL keeps a plan made for the rows that it saw first. Two
sessions in each round, in turn first: a fresh one that updates many rows at once, and one that updated
single rows before; of a table declared `bulk` the same with INSERT, which is recorded by statement. The
ratio is of CPU time of the server's process, which a busy machine hardly changes. The same with a trigger
that joins transition tables, on fewer rows, shows that this would find it.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.capture_cost import COLUMNS, ROW
from benchmarks.common import Connection, connect, cpu_us, kit, kit_server, one, parser, save

SINGLES = 10
TRANSITION = """
CREATE TABLE public.transition_log (id int, old_row jsonb, new_row jsonb);
CREATE FUNCTION public.transition_capture() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    INSERT INTO public.transition_log
    SELECT n.id, to_jsonb(o), to_jsonb(n) FROM old_rows AS o INNER JOIN new_rows AS n ON n.id = o.id;
    RETURN NULL;
END;
$fn$;
CREATE TRIGGER capture AFTER UPDATE ON public.transition
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION public.transition_capture();
"""


@dataclass(frozen=True)
class Case:
    """A table, and how many of its rows a large update changes."""

    table: str
    rows: int
    inserts: bool = False
    """Whether rows are inserted, not updated."""


def prepare(dsn: str, cases: list[Case]) -> None:
    with connect(dsn) as conn:
        for case in cases:
            conn.execute(f"CREATE TABLE public.{case.table} ({COLUMNS}) WITH (fillfactor = 45)")
            rows = 0 if case.inserts else case.rows
            conn.execute(f"INSERT INTO public.{case.table} {ROW} FROM generate_series(1, {rows}) AS i")
        kit(dsn, "enable", "public.specialised", "public.generic", "--tenant-column", "tenant_id")
        kit(dsn, "enable", "public.bulk", "--tenant-column", "tenant_id", "--bulk")
        conn.execute(
            "SELECT audit.use_generic_capture(t.table_id, t.table_version)"
            " FROM audit.audited_tables AS t WHERE t.relation = 'public.generic'::regclass"
        )
        conn.execute(TRANSITION)
        conn.execute("CREATE SEQUENCE public.added")
        conn.execute("VACUUM ANALYZE")


def singles(conn: Connection, case: Case) -> None:
    for at in range(1, SINGLES + 1):
        if case.inserts:
            conn.execute(f"INSERT INTO public.{case.table} SELECT nextval('public.added'), 1")
            continue
        conn.execute(f"UPDATE public.{case.table} SET c = c + 1 WHERE id = {at}")


def bulk(conn: Connection, case: Case) -> None:
    if case.inserts:
        added = ROW.replace("SELECT i,", "SELECT nextval('public.added'),")
        conn.execute(f"INSERT INTO public.{case.table} {added} FROM generate_series(1, {case.rows}) AS i")
        return
    conn.execute(f"UPDATE public.{case.table} SET c = c + 1, d = d + 1")


@dataclass(frozen=True)
class Spent:
    """What one session took, in microseconds a row or statement."""

    cpu: float
    wall: float


def cpu_of(pid: int) -> float:
    """CPU time so far in microseconds; exact where the kernel keeps schedstat, else in steps of 10 ms."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000
    except OSError:
        return cpu_us(pid)


def measured(conn: Connection, work: str, case: Case) -> Spent:
    pid = conn.info.backend_pid
    cpu, wall = cpu_of(pid), time.monotonic()
    if work == "bulk":
        bulk(conn, case)
    else:
        for _ in range(SINGLES):
            singles(conn, case)
    number = case.rows if work == "bulk" else SINGLES * SINGLES
    return Spent((cpu_of(pid) - cpu) / number, (time.monotonic() - wall) * 1e6 / number)


def session(dsn: str, case: Case, first: str | None, work: str) -> Spent:
    """A session that does `first` before what is measured."""
    with connect(dsn) as conn:
        if first == "singles":
            singles(conn, case)
        elif first == "bulk":
            bulk(conn, case)
        return measured(conn, work, case)


def figures_of(taken: dict[tuple[Case, str, bool], list[Spent]], case: Case, work: str) -> dict[str, float]:
    fresh, later = taken[case, work, False], taken[case, work, True]
    ratios = [b.cpu / a.cpu for a, b in zip(fresh, later, strict=True)]
    return {
        "fresh_wall_us": round(statistics.median(spent.wall for spent in fresh), 1),
        "later_wall_us": round(statistics.median(spent.wall for spent in later), 1),
        "fresh_cpu_us": round(statistics.median(spent.cpu for spent in fresh), 1),
        "later_cpu_us": round(statistics.median(spent.cpu for spent in later), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
    }


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--transition-rows", type=int, default=2_000)
    given = options.parse_args()
    cases = [Case(name, given.rows) for name in ("plain", "specialised", "generic")]
    cases += [Case("transition", given.transition_rows), Case("bulk", given.rows, inserts=True)]
    taken: dict[tuple[Case, str, bool], list[Spent]] = defaultdict(list)
    with kit_server(given.server) as dsn, connect(dsn) as conn:
        prepare(dsn, cases)
        for round_number in range(given.rounds):
            for case in cases:
                for work, before in (("bulk", "singles"), ("singles", "bulk")):
                    for later in (False, True) if round_number % 2 else (True, False):
                        spent = session(dsn, case, before if later else None, work)
                        taken[case, work, later].append(spent)
                        conn.execute(f"VACUUM public.{case.table}")
            while one(conn, "SELECT audit.seal()"):
                pass
        save(
            "session_cliff",
            given.server,
            conn,
            {
                "unit": "microseconds a row of a large update (bulk: insert), or a single one; medians of"
                " rounds; ratio: CPU later in the session to fresh, of each round",
                "rounds": given.rounds,
                "singles": SINGLES,
                **{
                    case.table: {
                        "rows": case.rows,
                        "large_update_after_single_ones": figures_of(taken, case, "bulk"),
                        "single_updates_after_a_large_one": figures_of(taken, case, "singles"),
                    }
                    for case in cases
                },
            },
        )


if __name__ == "__main__":
    main()

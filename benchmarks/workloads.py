"""What is measured: scripts for pgbench, and statements over many rows."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

COLUMNS = "tenant_id, a, b, c, d, e, f, g, h, i, j, k"
BULK_UPDATE = "UPDATE public.bulk13 SET c = c + 1, a = 'other ' || id"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One script or one statement. `operations`: row changes that a transaction makes.

    `main`: runs in all rounds, the others in as many as the plan has for them.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    script: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    operations: int = 1
    kind: Literal["pgbench", "loop", "bulk"] = "pgbench"
    sealer: bool = False
    connections: tuple[int, ...] = (1,)
    sync: tuple[str, ...] = ("off",)
    main: bool = False

    def text(self, before: tuple[str, ...], after: tuple[str, ...]) -> str:
        """pgbench's script, with what a contender adds around the statements."""
        inner = self.script
        if before and inner[0] == "BEGIN;":
            inner = inner[1:-1]
        return "\n".join([*self.values, *before, *inner, *after]) + "\n"


def _update(table: str, rows: int) -> tuple[tuple[str, ...], str]:
    values = (f"\\set id random(1, {rows})", "\\set n random(1, 1000000000)")
    return values, f"UPDATE public.{table} SET c = c + 1, a = 'value ' || :n WHERE id = :id;"


_UPDATE = _update("row13", 2000)
_TENANT = _update("tenant13", 10_000)
_TPCB = (
    "BEGIN;",
    "UPDATE public.pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;",
    "SELECT abalance FROM public.pgbench_accounts WHERE aid = :aid;",
    "UPDATE public.pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;",
    "UPDATE public.pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;",
    "INSERT INTO public.pgbench_history (tid, bid, aid, delta, mtime)"
    " VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);",
    "COMMIT;",
)

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            name="loop", main=True, title="One-row changes in a procedure that commits each", kind="loop",
            tables=("row13", "ins13", "del13"),
        ),
        Workload(
            name="update", main=True, title="One-row update a transaction, 13 columns of which two change",
            tables=("row13",), values=_UPDATE[0], script=(_UPDATE[1],), connections=(1, 8, 64),
            sync=("off", "on"),
        ),
        Workload(
            name="insert", main=True, title="One-row insert a transaction, 13 columns", tables=("ins13",),
            values=("\\set n random(1, 1000000000)", "\\set tenant random(0, 9)"),
            script=(
                f"INSERT INTO public.ins13 ({COLUMNS}) VALUES (:tenant, 'text a ' || :n, repeat('x', 50),"
                " :n, :n, 1.5, now(), true, 'h', '2026-01-01', 1, 'k');",
            ),
        ),
        Workload(
            name="delete", main=True, title="One-row delete a transaction, 13 columns", tables=("del13",),
            script=("DELETE FROM public.del13 WHERE id = (SELECT nextval('public.del13_next'));",),
        ),
        Workload(
            name="ten", title="Ten one-row updates a transaction", tables=("row13",), operations=10,
            values=tuple(
                line
                for n in range(10)
                for line in (
                    f"\\set id{n} random({n * 200 + 1}, {n * 200 + 200})",
                    f"\\set n{n} random(1, 1000000000)",
                )
            ),
            script=(
                "BEGIN;",
                *(
                    f"UPDATE public.row13 SET c = c + 1, a = 'value ' || :n{n} WHERE id = :id{n};"
                    for n in range(10)
                ),
                "COMMIT;",
            ),
        ),
        Workload(
            name="wide", title="One-row update a transaction, 100 columns of which two change",
            tables=("wide",),
            values=("\\set id random(1, 500)", "\\set n random(1, 1000000000)"),
            script=("UPDATE public.wide SET c4 = :n, c5 = 'value ' || :n WHERE id = :id;",),
        ),
        Workload(
            name="document", title="One-row update a transaction of a document of 10 KB",
            tables=("document",),
            values=("\\set id random(1, 500)", "\\set n random(1000000000, 2000000000)"),
            script=(
                "UPDATE public.document SET version = version + 1, body = :n || substr(body, 11)"
                " WHERE id = :id;",
            ),
        ),
        Workload(
            name="tenants", title="One-row update a transaction, rows of 1,000 tenants, sealer running",
            tables=("tenant13",), values=_TENANT[0], script=(_TENANT[1],), sealer=True, connections=(8,),
        ),
        Workload(
            name="tpcb", title="pgbench's TPC-B, all four tables audited, sealer running",
            tables=("pgbench_accounts", "pgbench_tellers", "pgbench_branches", "pgbench_history"),
            values=(
                "\\set aid random(1, 64000)", "\\set bid random(1, 64)", "\\set tid random(1, 640)",
                "\\set delta random(-5000, 5000)",
            ),
            script=_TPCB, operations=4, sealer=True, connections=(64,), sync=("on",),
        ),
        Workload(name="bulk", title="COPY, UPDATE and DELETE of many rows", tables=("bulk13",), kind="bulk"),
    )
}  # fmt: skip
TABLES = tuple(dict.fromkeys(table for workload in WORKLOADS.values() for table in workload.tables))
WITH_TENANT = tuple(table for table in TABLES if not table.startswith("pgbench_"))


def copy_rows(rows: int) -> bytes:
    """Rows for COPY into bulk13."""
    drawn = random.Random(1)
    lines = (
        f"{i}\t{i % 10}\ttext a {i}\t{'x' * 50}\t{drawn.randrange(10**9)}\t{i}\t{i * 1.5}"
        f"\t2026-01-01 12:00:00+00\tt\th\t2026-01-01\t{i}\tk\n"
        for i in range(1, rows + 1)
    )
    return "".join(lines).encode()

"""What is measured without pgbench: statements over many rows, and one-row changes without a client."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg

from benchmarks.measure import Target
from benchmarks.process import cpu_ns
from benchmarks.workloads import BULK_UPDATE, COLUMNS

LOOP_TIMES = 150


def run_loop(targets: Sequence[Target], slices: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """One-row changes that a procedure makes and commits, in turns of a few milliseconds for each contender.

    The client has no part in it, so this is the server alone, and what else the machine does hits all
    alike. Gives change, contender and the median of the turns.
    """
    with contextlib.ExitStack() as stack:
        conns = {
            target.contender.name: stack.enter_context(
                psycopg.connect(target.dsn, autocommit=True, options="-c synchronous_commit=off")
            )
            for target in targets
        }
        for change in ("update", "insert", "delete"):
            call = f"CALL public.loop_{change}({LOOP_TIMES})"
            taken: dict[str, list[float]] = {name: [] for name in conns}
            for turn in range(-2, slices):  # two to warm up
                names = list(conns)
                for name in names[turn % len(names) :] + names[: turn % len(names)]:
                    pid = conns[name].info.backend_pid
                    before = cpu_ns(pid)
                    conns[name].execute(call)
                    if turn >= 0:
                        taken[name].append((cpu_ns(pid) - before) / 1000 / LOOP_TIMES)
            for name, values in taken.items():
                figures = {"operations": slices * LOOP_TIMES, "server_us": statistics.median(values)}
                yield f"{change} loop", name, {**figures, "client_us": 0.0}


def run_bulk(target: Target, rows: bytes, count: int, sync: str) -> dict[str, dict[str, Any]]:
    """COPY, UPDATE and DELETE of all rows, each a transaction, in a new session."""
    figures = {}
    options = f"-c synchronous_commit={sync}"
    with psycopg.connect(target.dsn, autocommit=True, options=options) as conn:

        def copy() -> object:
            with (
                conn.cursor() as cursor,
                cursor.copy(f"COPY public.bulk13 (id, {COLUMNS}) FROM STDIN") as stream,
            ):
                stream.write(rows)
            return None

        steps: dict[str, Callable[[], object]] = {
            "copy": copy,
            "bulk update": lambda: conn.execute(BULK_UPDATE),
            "bulk delete": lambda: conn.execute("DELETE FROM public.bulk13"),
        }
        for name, step in steps.items():
            size = target.storage()
            pid, wal = conn.info.backend_pid, target.wal()
            server, client, began = cpu_ns(pid), time.thread_time_ns(), time.monotonic()
            step()
            took = time.monotonic() - began
            figures[name] = {
                "operations": count,
                "server_us": (cpu_ns(pid) - server) / 1000 / count,
                "client_us": (time.thread_time_ns() - client) / 1000 / count,
                "operations_s": count / took,
                "wal_bytes": (target.wal() - wal) / count,
            }
            sealed, sealing_us = target.seal()
            if sealed:
                figures[name]["seal_us"] = sealing_us / sealed
            if target.contender.storage:
                figures[name]["stored_bytes"] = (target.storage() - size) / count
            if name != "copy":
                target.control.execute("VACUUM public.bulk13")
    return figures

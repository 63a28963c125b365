"""One run of one workload on one contender's database: what it cost and what it wrote."""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.common import one
from benchmarks.contenders import Contender
from benchmarks.process import children, cpu_by_process, cpu_ns
from benchmarks.servers import Programs
from benchmarks.workloads import Workload

APPLICATION = "pgaudit_bench"
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Target:
    """A contender's database, and a connection for looking at it that is no part of what is measured."""

    programs: Programs
    contender: Contender
    dsn: str
    control: Connection

    def storage(self) -> int:
        """Bytes of what the contender keeps, with indexes and TOAST."""
        if not self.contender.storage:
            return 0
        return int(
            one(
                self.control,
                "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class AS c"
                " WHERE c.relkind IN ('r', 'm') AND c.relnamespace::regnamespace || '.' || c.relname"
                " LIKE ANY (%s)",
                [list(self.contender.storage)],
            )
        )

    def wal(self) -> int:
        """Bytes of WAL that the server has written so far."""
        return int(one(self.control, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))

    def seal(self) -> tuple[int, float]:
        """Seal everything; how many events, and microseconds of CPU."""
        if self.contender.kind != "kit":
            return 0, 0.0
        pid, before, sealed = self.control.info.backend_pid, 0, 0
        before = cpu_ns(pid)
        while now := int(one(self.control, "SELECT audit.seal()")):
            sealed += now
        return sealed, (cpu_ns(pid) - before) / 1000

    def replay(self) -> tuple[float, int] | None:
        """How far a standby is behind: milliseconds and bytes; None without one."""
        row = self.control.execute(
            "SELECT coalesce(extract(epoch FROM replay_lag) * 1000, 0)::float,"
            " (pg_current_wal_lsn() - replay_lsn)::bigint FROM pg_stat_replication"
            " WHERE state = 'streaming'"
        ).fetchone()
        return row and (row[0], row[1])


class Sealer:
    """Seals at an interval beside the writers, as `pgaudit-kit run` does."""

    def __init__(self, dsn: str, every: float = 0.5) -> None:
        """Connect; seal() begins with the thread."""
        self.conn = psycopg.connect(dsn, autocommit=True, application_name="sealer")
        self.pid = self.conn.info.backend_pid
        self.every, self.stop = every, threading.Event()
        self.lags: list[float] = []
        self.sealed = 0
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        began = time.monotonic()
        while not self.stop.is_set():
            begins = time.monotonic()
            self.sealed += int(one(self.conn, "SELECT audit.seal()"))
            ends = time.monotonic()
            self.lags.append(ends - began)  # what committed just after the seal before had begun
            began = begins
            self.stop.wait(max(self.every - (ends - begins), 0))


@contextlib.contextmanager
def sealing(target: Target, workload: Workload) -> Iterator[Sealer | None]:
    """A sealer for the kit, where the workload has one."""
    if not workload.sealer or target.contender.kind != "kit":
        yield None
        return
    with at_work(Sealer(target.dsn)) as sealer:
        yield sealer


@contextlib.contextmanager
def at_work(sealer: Sealer) -> Iterator[Sealer]:
    """The sealer seals for the block."""
    sealer.thread.start()
    try:
        yield sealer
    finally:
        sealer.stop.set()
        sealer.thread.join()
        sealer.conn.close()


@dataclass(frozen=True)
class Moment:
    """Counters at one moment."""

    at: float
    backends: dict[int, int]
    client: int
    rest: dict[int, int]
    wal: int


def _moment(target: Target, pids: list[int], client: int) -> Moment:
    aside = {target.control.info.backend_pid, *pids}
    rest = cpu_by_process(pid for pid in children(target.programs.postmaster) if pid not in aside)
    return Moment(time.time(), {pid: cpu_ns(pid) for pid in pids}, cpu_ns(client), rest, target.wal())


def run_pgbench(
    target: Target, workload: Workload, connections: int, seconds: float, sync: str
) -> dict[str, Any]:
    """Run the script for a while; figures come from a window in which all clients were at work."""
    # Each session compiles its functions once; many sessions take long to have done so, and queue for locks.
    settle, window = 0.15 + connections / 64, seconds * max(1, connections / 32)
    for spare in (0.3, 3, 10):  # a busy machine may see the clients too late
        with contextlib.suppress(EndedEarly):
            return _run_pgbench(
                target, workload, connections, settle, window, math.ceil(settle + window + spare), sync
            )
    raise RuntimeError(f"{target.contender.name}, {workload.name}: pgbench ended before the window did")


class EndedEarly(Exception):
    """The clients were gone before the window was over."""


def _run_pgbench(
    target: Target,
    workload: Workload,
    connections: int,
    settle: float,
    seconds: float,
    length: int,
    sync: str,
) -> dict[str, Any]:
    contender = target.contender
    with tempfile.TemporaryDirectory() as folder, sealing(target, workload) as sealer:
        script = Path(folder, "script.sql")
        script.write_text(workload.text(contender.before, contender.after))
        size = target.storage()
        command = [
            target.programs.path("pgbench"), "-n", "-M", "prepared", "-c", str(connections),
            "-j", str(min(connections, os.cpu_count() or 1)), "-T", str(length),
            "-f", str(script), "-l", "--log-prefix", str(Path(folder, "log")), target.dsn,
        ]  # fmt: skip
        surroundings = {
            **os.environ, "PGAPPNAME": APPLICATION, "PGOPTIONS": f"-c synchronous_commit={sync}",
        }  # fmt: skip
        with subprocess.Popen(
            command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        ) as client:
            pids = _backends(target, connections, client, settle)
            try:
                first = _moment(target, pids, client.pid)
                time.sleep(seconds)
                last = _moment(target, pids, client.pid)
            except FileNotFoundError:
                raise EndedEarly from None
            replay = target.replay()
            _, errors = client.communicate()
        if client.returncode:
            raise RuntimeError(f"{contender.name}, {workload.name}: pgbench failed: {errors.strip()[-500:]}")
        ends = _log(Path(folder))
    inside = sorted(latency for at, latency in ends if first.at < at <= last.at)
    if not inside:
        raise RuntimeError(f"{contender.name}, {workload.name}: no transaction ended within {seconds} s")
    if workload.name == "delete" and one(target.control, "SELECT NOT EXISTS (SELECT FROM public.del13)"):
        raise RuntimeError("there were too few rows to delete")
    done, all_done = len(inside) * workload.operations, len(ends) * workload.operations
    sealer_us = (
        sum(last.rest[p] - first.rest.get(p, 0) for p in last.rest if sealer and p == sealer.pid) / 1000
    )
    figures: dict[str, Any] = {
        "operations": done,
        "server_us": sum(last.backends[p] - first.backends[p] for p in pids) / 1000 / done,
        "client_us": (last.client - first.client) / 1000 / done,
        "background_us": sum(last.rest[p] - first.rest.get(p, 0) for p in last.rest) / 1000 / done
        - sealer_us / done,
        "operations_s": done / (last.at - first.at),
        "wal_bytes": (last.wal - first.wal) / done,
        "p50_us": statistics.median(inside),
        "p99_us": inside[int(len(inside) * 0.99)],
    }
    if sealer is not None:
        figures |= {"sealer_us": sealer_us / done, "seal_lag_s": max(sealer.lags)}
    if replay is not None:
        figures |= {"replay_lag_ms": replay[0], "replay_lag_bytes": replay[1]}
    sealed, sealing_us = target.seal()
    if sealed and sealer is None:
        figures["seal_us"] = sealing_us / sealed
    if contender.storage:
        figures["stored_bytes"] = (target.storage() - size) / all_done
    return figures


def _backends(target: Target, connections: int, client: subprocess.Popen[str], settle: float) -> list[int]:
    """The client's backends, once all are there and at work for a moment."""
    steady = 0.0
    while True:
        rows = target.control.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = %s AND backend_type = 'client backend'",
            [APPLICATION],
        ).fetchall()
        if len(rows) != connections:  # pgbench looks around with a connection of its own first
            steady = 0.0
        elif not steady:
            steady = time.monotonic()
        elif time.monotonic() - steady > settle:
            return [pid for (pid,) in rows]
        if client.poll() == 0:
            raise EndedEarly
        if client.poll() is not None:
            said = client.stderr.read() if client.stderr else ""
            raise RuntimeError(f"pgbench failed: {said.strip()[-500:]}")
        time.sleep(0.03)


def _log(folder: Path) -> list[tuple[float, int]]:
    """When each transaction ended, and how long it took in microseconds."""
    ends = []
    for file in folder.glob("log.*"):
        for line in file.read_text().splitlines():
            fields = line.split()
            ends.append((int(fields[4]) + int(fields[5]) / 1e6, int(fields[2])))
    return ends

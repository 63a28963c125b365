"""All contenders on one server, round by round, so that what slows the machine slows all of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.common import RESULTS, _revision, connect, one
from benchmarks.contenders import HERE, Contender, Unavailable, run_file
from benchmarks.direct import LOOP_TIMES, run_bulk, run_loop
from benchmarks.measure import Target, run_pgbench
from benchmarks.packages import REQUIREMENTS
from benchmarks.servers import SETTINGS, Programs, bench_server, standby
from benchmarks.workloads import WORKLOADS, Workload, copy_rows

LOOP_GROUPS, LOOP_SLICES = 2, 12


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run. `connections` and `sync` empty: as each workload proposes."""

    contenders: Sequence[Contender]
    workloads: Sequence[str]
    connections: Sequence[int] = ()
    sync: Sequence[str] = ()
    rounds: int = 3
    other_rounds: int = 3
    seconds: float = 1.0
    rows: int = 50_000
    bulk_rounds: int = 2
    standby: bool = False
    files: dict[str, Path] = field(default_factory=dict)

    def cells(self, turn: int) -> Iterator[tuple[Workload, int, str]]:
        """What this round runs: each workload at each number of connections and each setting."""
        for name in self.workloads:
            workload = WORKLOADS[name]
            for connections in self.connections_of(workload):
                if turn < self._rounds(workload, connections):
                    for sync in self.sync or workload.sync:
                        yield workload, connections, sync

    def connections_of(self, workload: Workload) -> Sequence[int]:
        """How many; statements and procedures that measure the server alone take one."""
        return (self.connections or workload.connections) if workload.kind == "pgbench" else (1,)

    def _rounds(self, workload: Workload, connections: int) -> int:
        if workload.kind == "bulk":
            return self.bulk_rounds
        main = workload.main and connections == min(self.connections_of(workload))
        return self.rounds if main else self.other_rounds


def compare(server: str, plan: Plan, save: Callable[[dict[str, Any]], object]) -> None:
    """Run the plan on one server; what is known so far is saved after each round, with its conditions."""
    began, load = time.monotonic(), os.getloadavg()
    with contextlib.ExitStack() as stack:
        programs = stack.enter_context(bench_server(server, {}))
        targets, missing = _databases(stack, programs, plan)
        _say(f"{len(targets)} databases are ready after {time.monotonic() - began:.0f} s")
        if plan.standby:
            stack.enter_context(standby(programs, {}))
        admin = targets[0].control
        admin.execute("CHECKPOINT")
        taken = Taken()
        for turn in range(plan.rounds):
            _round(turn, targets, plan, taken)
            facts = {
                **machine(),
                "postgresql": one(admin, "SHOW server_version"),
                "settings": SETTINGS,
                "load_before": [round(value, 1) for value in load],
                "rounds_done": turn + 1,
                "minutes": round((time.monotonic() - began) / 60, 1),
            }
            save(_result(server, plan, facts, missing, taken))


@dataclass
class Taken:
    """What the rounds have given so far."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def _result(
    server: str, plan: Plan, facts: dict[str, Any], missing: dict[str, str], taken: Taken
) -> dict[str, Any]:
    return {
        "measurement": "compare",
        "version": 1,
        "server": server if server in ("local", "embedded") else "given",
        "facts": facts,
        "options": {
            "rounds": plan.rounds, "other_rounds": plan.other_rounds, "bulk_rounds": plan.bulk_rounds,
            "seconds": plan.seconds, "rows": plan.rows, "standby": plan.standby,
        },
        "contenders": [
            {
                "name": c.name, "kind": c.kind, "base": c.base, "note": c.note,
                **({"unavailable": missing[c.name]} if c.name in missing else {}),
                **({"sha256": _digest(plan.files[c.name])} if c.kind == "file" else {}),
            }
            for c in plan.contenders
        ],
        "packages": REQUIREMENTS[:2],
        "failures": taken.failures,
        "samples": taken.samples,
    }  # fmt: skip


def _databases(
    stack: contextlib.ExitStack, programs: Programs, plan: Plan
) -> tuple[list[Target], dict[str, str]]:
    """A database for each contender, all copies of one."""
    missing = {}
    with psycopg.connect(programs.server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE bench_template")
        deletable = int(40_000 * (plan.seconds + 1.5) * plan.rounds) if "delete" in plan.workloads else 0
        deletable += plan.rounds * LOOP_GROUPS * (LOOP_SLICES + 2) * LOOP_TIMES
        template = programs.server.dsn("bench_template")
        run_file(programs, template, HERE / "sql" / "tables.sql", deletable=deletable)
        with connect(template) as conn:
            conn.execute("VACUUM ANALYZE")
        targets = []
        for number, contender in enumerate(plan.contenders):
            name = f"bench_{number}"
            strategy = "STRATEGY file_copy" if admin.info.server_version >= 150_000 else ""
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE bench_template {}").format(
                    sql.Identifier(name), sql.SQL(strategy)
                )
            )
            dsn = programs.server.dsn(name)
            try:
                contender.prepare(programs, dsn)
            except Unavailable as error:
                missing[contender.name] = str(error).strip()
                _say(f"{contender.name} is left out: {missing[contender.name]}")
                continue
            targets.append(Target(programs, contender, dsn, stack.enter_context(connect(dsn))))
    return targets, missing


def _round(turn: int, targets: Sequence[Target], plan: Plan, taken: Taken) -> None:
    rows = copy_rows(plan.rows) if "bulk" in plan.workloads else b""
    for workload, connections, sync in plan.cells(turn):
        began = time.monotonic()
        first = connections == min(plan.connections_of(workload))
        takers = [target for target in targets if target.contender.takes(workload.name, first)]
        if workload.kind == "loop":
            _loops(turn, takers, taken)
            _say(f"round {turn + 1}/{plan.rounds}  loop: {time.monotonic() - began:.0f} s")
            continue
        for target in takers[turn % len(takers) :] + takers[: turn % len(takers)]:
            name = target.contender.name
            where = {"round": turn, "connections": connections, "sync": sync, "contender": name}
            try:
                if workload.kind == "bulk":
                    given = run_bulk(target, rows, plan.rows, sync)
                else:
                    given = {workload.name: run_pgbench(target, workload, connections, plan.seconds, sync)}
            except (RuntimeError, psycopg.Error) as error:
                taken.failures.append(f"{name}, {workload.name}, round {turn + 1}: {error}")
                _say(taken.failures[-1])
                continue
            taken.samples += [{"workload": what, **where, **figures} for what, figures in given.items()]
            for table in workload.tables:
                target.control.execute(sql.SQL("VACUUM public.{}").format(sql.Identifier(table)))
        _say(
            f"round {turn + 1}/{plan.rounds}  {workload.name}, {connections} connections,"
            f" synchronous_commit {sync}: {time.monotonic() - began:.0f} s"
        )


def _loops(turn: int, targets: Sequence[Target], taken: Taken) -> None:
    for group in range(turn * LOOP_GROUPS, (turn + 1) * LOOP_GROUPS):
        for what, who, figures in run_loop(targets, LOOP_SLICES):
            where = {"round": group, "connections": 1, "sync": "off", "contender": who}
            taken.samples.append({"workload": what, **where, **figures})


def machine() -> dict[str, Any]:
    """What somebody needs to know who compares figures with theirs."""
    model = "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": model,
        "cpus": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "revision": _revision(),
    }


def save_results(name: str, result: dict[str, Any]) -> Path:
    """Write the figures, rounded to what they are good for."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"compare-{name}.json"
    samples = [
        {key: round(value, 2) if isinstance(value, float) else value for key, value in sample.items()}
        for sample in result["samples"]
    ]
    head = json.dumps({name: what for name, what in result.items() if name != "samples"}, indent=2)[:-2]
    body = ",\n".join("    " + json.dumps(sample) for sample in samples)
    file.write_text(f'{head},\n  "samples": [\n{body}\n  ]\n}}\n')
    return file


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

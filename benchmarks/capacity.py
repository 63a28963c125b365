"""Cost per event at several loads; `capacity_model` says what follows for others."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, connect, one
from benchmarks.compare import machine
from benchmarks.contenders import HERE, Contender, contenders, run_file
from benchmarks.measure import APPLICATION, Sealer, Target, _backends, _log, _moment, at_work
from benchmarks.servers import SETTINGS, Programs, bench_server

RATES = (250, 500, 1000, 2000, 4000, 0)
"""Updates a second; 0 is as many as go."""
TENANTS = (1, 100, 1000)
CLIENTS = 8
_SCRIPT = """\\set id random(1, 10000)
\\set n random(1, 1000000000)
UPDATE public.tenant13 SET c = c + 1, a = 'value ' || :n WHERE id = :id;
"""


def measure(target: Target, rate: int, tenants: int, seconds: float) -> dict[str, Any]:
    """One load: updates at a rate, of rows of so many tenants, the kit sealing every second."""
    with tempfile.TemporaryDirectory() as folder, _sealing(target) as sealer:
        script = Path(folder, "script.sql")
        script.write_text(_SCRIPT)
        command = [
            target.programs.path("pgbench"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2",
            "-T", str(math.ceil(seconds + 2)), "-f", str(script),
            "-l", "--log-prefix", str(Path(folder, "log")),
            *(["-R", str(rate)] if rate else []), target.dsn,
        ]  # fmt: skip
        surroundings = {**os.environ, "PGAPPNAME": APPLICATION}
        size = target.storage()
        with subprocess.Popen(
            command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        ) as client:
            pids = _backends(target, CLIENTS, client, 0.5)
            first, blocks = _moment(target, pids, client.pid), _blocks(target)
            time.sleep(seconds)
            last, blocks = _moment(target, pids, client.pid), _blocks(target) - blocks
            client.communicate()
        ends = _log(Path(folder))
    inside = sorted(latency for at, latency in ends if first.at < at <= last.at)
    passed, done = last.at - first.at, len(inside)
    return {
        "rate": rate, "tenants": tenants, "events_s": done / passed,
        "server_us_s": sum(last.backends[p] - first.backends[p] for p in pids) / 1000 / passed,
        "sealer_us_s": (last.rest.get(sealer.pid, 0) - first.rest.get(sealer.pid, 0)) / 1000 / passed,
        "wal_bytes_s": (last.wal - first.wal) / passed,
        "stored_bytes_s": (target.storage() - size) / len(ends) * done / passed,
        "blocks_s": blocks / passed, "seal_lag_s": max(sealer.lags, default=0.0),
        "p50_us": inside[done // 2], "p99_us": inside[int(done * 0.99)],
    }  # fmt: skip


def _belong(target: Target, tenants: int) -> None:
    """Give the rows evenly to so many tenants, and leave nothing to seal or to clean up."""
    target.control.execute("UPDATE public.tenant13 SET tenant_id = id %% %s", [tenants])
    target.control.execute("VACUUM public.tenant13")
    target.seal()


def _typical(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure over the rounds, and how far the CPU of backends was spread about it."""
    spent = [run["server_us_s"] for run in runs]
    return {
        **{name: statistics.median(run[name] for run in runs) for name in runs[0]},
        "rate": runs[0]["rate"], "tenants": runs[0]["tenants"],
        "server_spread": (max(spent) - min(spent)) / statistics.median(spent),
    }  # fmt: skip


def _blocks(target: Target) -> int:
    if target.contender.kind != "kit":
        return 0
    return int(one(target.control, "SELECT log_size FROM audit.seal_state"))


class _Nobody:
    pid = 0
    lags: tuple[float, ...] = ()


@contextlib.contextmanager
def _sealing(target: Target) -> Any:
    if target.contender.kind != "kit":
        yield _Nobody()
        return
    with at_work(Sealer(target.dsn, every=1.0)) as sealer:
        yield sealer


def run(
    server: str, rates: Sequence[int], tenants: Sequence[int], seconds: float, rounds: int
) -> dict[str, Any]:
    """All loads on one server, without the kit and with it, one after the other in each round."""
    load = os.getloadavg()
    with bench_server(server, {}) as programs, contextlib.ExitStack() as stack:
        targets = {name: _target(stack, programs, contenders({})[name]) for name in ("none", "pgaudit-kit")}
        loads = {"none": [1], "pgaudit-kit": list(tenants)}
        runs: dict[str, dict[tuple[int, int], list[dict[str, Any]]]] = {name: {} for name in loads}
        for _ in range(rounds):
            for name, n in [(name, n) for name, some in loads.items() for n in some]:
                _belong(targets[name], n)
                for rate in rates:
                    sample = measure(targets[name], rate, n, seconds)
                    runs[name].setdefault((n, rate), []).append(sample)
        base = targets["none"]
        samples = {name: list(map(_typical, given.values())) for name, given in runs.items()}
        facts = {
            **machine(), "postgresql": one(base.control, "SHOW server_version"), "settings": SETTINGS,
            "load_before": [round(value, 1) for value in load],
        }  # fmt: skip
    return {
        "measurement": "capacity",
        "version": 2,
        "facts": facts,
        "seconds": seconds,
        "rounds": rounds,
        "samples": samples,
    }


def _target(stack: contextlib.ExitStack, programs: Programs, contender: Contender) -> Target:
    name = "capacity_" + contender.kind
    with connect(programs.server.dsn()) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    dsn = programs.server.dsn(name)
    run_file(programs, dsn, HERE / "sql" / "tables.sql", deletable=0)
    contender.prepare(programs, dsn)
    return Target(programs, contender, dsn, stack.enter_context(connect(dsn)))


def save(server: str, result: dict[str, Any]) -> Path:
    """Write the figures where the page takes them from."""
    file = RESULTS / f"capacity-{server}.json"
    shorten = functools.partial(json.loads, parse_float=lambda text: round(float(text), 2))
    file.write_text(json.dumps(shorten(json.dumps(result)), indent=1) + "\n")
    return file


def main() -> None:
    """Measure, and write benchmarks/results/capacity-*.json."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    options.add_argument("--server", choices=("local", "embedded"), action="append")
    options.add_argument("--seconds", type=float, default=4.0, help="of each run's window")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    os.environ.setdefault("NO_COLOR", "1")
    for server in given.server or ("local", "embedded"):
        print(save(server, run(server, RATES, TENANTS, given.seconds, given.rounds)))


if __name__ == "__main__":
    main()

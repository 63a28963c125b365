"""Cost per event at several loads, a linear model of it, and how far the model is from each run."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
_SCRIPT = """\\set id random(1, {rows})
\\set n random(1, 1000000000)
UPDATE public.tenant13 SET c = c + 1, a = 'value ' || :n WHERE id = :id;
"""


@dataclass(frozen=True)
class Model:
    """CPU a second is rate x event_us + idle_us: what each event costs, and what is there without any."""

    event_us: float
    idle_us: float

    def cores(self, rate: float) -> float:
        """Cores that are busy at this many events a second."""
        return (rate * self.event_us + self.idle_us) / 1e6

    def rate(self, cores: float) -> float:
        """Events a second that so many cores carry."""
        return max(0.0, (cores * 1e6 - self.idle_us) / self.event_us)


def fit(points: Iterable[tuple[float, float]]) -> Model:
    """Least squares of relative errors over (events a second, CPU microseconds a second)."""
    given = [(rate, spent, 1 / spent**2) for rate, spent in points if spent > 0]
    weight = sum(w for _, _, w in given)
    mean_rate = sum(rate * w for rate, _, w in given) / weight
    mean_spent = sum(spent * w for _, spent, w in given) / weight
    spread = sum(w * (rate - mean_rate) ** 2 for rate, _, w in given)
    if not spread:
        return Model(mean_spent / mean_rate, 0.0)
    slope = sum(w * (rate - mean_rate) * (spent - mean_spent) for rate, spent, w in given) / spread
    return Model(slope, mean_spent - slope * mean_rate)


def predictions(samples: Sequence[dict[str, Any]], part: str) -> list[dict[str, float]]:
    """Each run of `part` (server or sealer) beside what a model of the other runs says of it."""
    told = []
    for number, sample in enumerate(samples):
        others = [(s["events_s"], s[f"{part}_us_s"]) for i, s in enumerate(samples) if i != number]
        if len(others) < 2:
            continue
        expected = fit(others).cores(sample["events_s"])
        measured = sample[f"{part}_us_s"] / 1e6
        told.append(
            {
                "events_s": sample["events_s"], "tenants": sample["tenants"], "measured": measured,
                "predicted": expected, "error": expected / measured - 1 if measured else 0.0,
            }
        )  # fmt: skip
    return told


def measure(target: Target, rate: int, tenants: int, seconds: float) -> dict[str, Any]:
    """One load: updates at a rate, of rows of so many tenants, the kit sealing every second."""
    with tempfile.TemporaryDirectory() as folder, _sealing(target) as sealer:
        script = Path(folder, "script.sql")
        script.write_text(_SCRIPT.format(rows=max(tenants, 10) * 10 if tenants < 1000 else 10_000))
        command = [
            target.programs.path("pgbench"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2",
            "-T", str(int(seconds + 5)), "-f", str(script), "-l", "--log-prefix", str(Path(folder, "log")),
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
        "wal_bytes": (last.wal - first.wal) / done,
        "stored_bytes": (target.storage() - size) / len(ends),
        "blocks_s": blocks / passed, "seal_lag_s": max(sealer.lags, default=0.0),
        "p50_us": inside[done // 2], "p99_us": inside[int(done * 0.99)],
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


def run(server: str, rates: Sequence[int], tenants: Sequence[int], seconds: float) -> dict[str, Any]:
    """All loads on one server, without the kit and with it."""
    load = os.getloadavg()
    with bench_server(server, {}) as programs, contextlib.ExitStack() as stack:
        targets = {name: _target(stack, programs, contenders({})[name]) for name in ("none", "pgaudit-kit")}
        base, audited = targets.values()
        samples = {
            "none": [measure(base, rate, 1, seconds) for rate in rates],
            "pgaudit-kit": [measure(audited, rate, n, seconds) for n in tenants for rate in rates],
        }
        facts = {
            **machine(), "postgresql": one(base.control, "SHOW server_version"), "settings": SETTINGS,
            "load_before": [round(value, 1) for value in load],
        }  # fmt: skip
    return {"measurement": "capacity", "version": 1, "facts": facts, "seconds": seconds, "samples": samples}


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
    given = options.parse_args()
    os.environ.setdefault("NO_COLOR", "1")
    for server in given.server or ("local", "embedded"):
        print(save(server, run(server, RATES, TENANTS, given.seconds)))


if __name__ == "__main__":
    main()

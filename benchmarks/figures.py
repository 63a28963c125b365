"""From samples to figures: medians over rounds, and what a contender adds to its base."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS

REFERENCE = "audit-trigger"
Cell = tuple[str, int, str]  # workload, connections, synchronous_commit


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One contender in one cell. `over`: CPU above the base, paired by round; `medians`: of all else."""

    cpu: float
    over: float
    lowest: float
    highest: float
    medians: dict[str, float]

    def get(self, name: str) -> float | None:
        """The median of a figure, if it was taken."""
        return self.medians.get(name)


@dataclass(frozen=True)
class Result:
    """One run of `compare` on one server."""

    facts: dict[str, Any]
    options: dict[str, Any]
    contenders: list[dict[str, Any]]
    cells: dict[Cell, dict[str, Figures]]

    @property
    def label(self) -> str:
        """Like `PostgreSQL 18`."""
        return f"PostgreSQL {self.facts['postgresql'].split('.')[0]}"

    def cell(self, workload: str) -> list[tuple[Cell, dict[str, Figures]]]:
        """The cells of one workload, ascending by connections."""
        return sorted((cell, found) for cell, found in self.cells.items() if cell[0] == workload)

    def at(self, workload: str, contender: str) -> Figures | None:
        """The figures in the workload's first cell."""
        found = self.cell(workload)
        return found[0][1].get(contender) if found else None


def read_results(*, standby: bool = False) -> list[Result]:
    """The results there are, with a standby or without, older servers first."""
    files = [
        RESULTS / f"compare-{name}{'-standby' if standby else ''}.json"
        for name in ("local", "embedded", "given")
    ]
    found = [read_result(file) for file in files if file.is_file()]
    return sorted(found, key=lambda result: float(result.facts["postgresql"].split()[0]))


def read_result(file: Path) -> Result:
    """One result file."""
    taken = json.loads(file.read_text())
    bases = {contender["name"]: contender["base"] for contender in taken["contenders"]}
    samples: dict[Cell, dict[str, dict[int, dict[str, Any]]]] = defaultdict(lambda: defaultdict(dict))
    for sample in taken["samples"]:
        cell = (sample["workload"], sample["connections"], sample["sync"])
        samples[cell][sample["contender"]][sample["round"]] = sample
    cells = {
        cell: {name: _figures(rounds, of.get(bases[name], {})) for name, rounds in of.items()}
        for cell, of in samples.items()
    }
    return Result(taken["facts"], taken["options"], taken["contenders"], cells)


def _figures(rounds: dict[int, dict[str, Any]], base: dict[int, dict[str, Any]]) -> Figures:
    cpu = {turn: sample["server_us"] + sample["client_us"] for turn, sample in rounds.items()}
    over = [
        value - base[turn]["server_us"] - base[turn]["client_us"]
        for turn, value in cpu.items()
        if turn in base
    ] or [float("nan")]
    names = {
        name for sample in rounds.values() for name, value in sample.items() if isinstance(value, int | float)
    }
    return Figures(
        cpu=statistics.median(cpu.values()),
        over=statistics.median(over),
        lowest=min(over),
        highest=max(over),
        medians={
            name: statistics.median([sample[name] for sample in rounds.values() if name in sample])
            for name in names - {"round", "connections"}
        },
    )

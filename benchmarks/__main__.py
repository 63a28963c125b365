"""What auditing costs, side by side: `python -m benchmarks compare`, then `python -m benchmarks report`."""

from __future__ import annotations

import argparse
import functools
import os
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS
from benchmarks.compare import Plan, compare, save_results
from benchmarks.contenders import contenders
from benchmarks.report import write_report
from benchmarks.workloads import WORKLOADS

PROFILES: dict[str, dict[str, Any]] = {
    "quick": {
        "rounds": 2, "other_rounds": 2, "bulk_rounds": 1, "seconds": 0.5, "rows": 5000,
        "workloads": ["loop", "update", "bulk"], "connections": [1],
    },
    "full": {
        "rounds": 3, "other_rounds": 2, "bulk_rounds": 1, "seconds": 0.5, "rows": 50_000,
        "workloads": list(WORKLOADS), "connections": [],
    },
}  # fmt: skip


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("compare", help="measure, and write benchmarks/results/compare-*.json")
    run.add_argument(
        "--server",
        action="append",
        metavar="NAME",
        help="local, embedded, or a folder with the server's programs; may be repeated (default: both)",
    )
    run.add_argument(
        "--profile", choices=PROFILES, default="quick", help="where the other defaults come from"
    )
    run.add_argument("--workload", action="append", choices=WORKLOADS, help="may be repeated")
    run.add_argument("--contender", action="append", metavar="NAME", help="only these; may be repeated")
    run.add_argument("--peer", action="append", default=[], metavar="NAME=FILE", help="SQL of another tool")
    run.add_argument("--peers-file", type=Path, help="TOML that says how tools of yours are started")
    run.add_argument("--connections", help="like 1,8,64 (default: as each workload proposes)")
    run.add_argument("--sync", help="synchronous_commit: off, on, or off,on (default: as each proposes)")
    run.add_argument("--rounds", type=int)
    run.add_argument("--seconds", type=float, help="of each run's window")
    run.add_argument("--bulk-rounds", type=int, help="rounds of the statements over many rows")
    run.add_argument("--rows", type=int, help="of the statements over many rows")
    run.add_argument("--standby", action="store_true", help="with a streaming standby; takes its replay lag")
    run.add_argument("--name", help="of the result file (default: the server's)")
    commands.add_parser("report", help="write docs/explanation/performance.md and its plots from the results")
    return parser


def main() -> None:
    """Run one command."""
    os.environ.setdefault("NO_COLOR", "1")
    given = arguments().parse_args()
    if given.command == "report":
        write_report()
        return
    profile = PROFILES[given.profile]
    peers = dict(pair.split("=", 1) for pair in given.peer)
    files = {name: Path(file).resolve() for name, file in peers.items()}
    known = contenders(files, given.peers_file)
    if strange := set(given.contender or ()) - set(known):
        raise SystemExit(f"no contender {min(strange)!r}; there are: {', '.join(known)}")
    workloads = given.workload or profile["workloads"]
    chosen = [
        contender
        for contender in known.values()
        if (not given.contender or contender.name in given.contender) and any(map(contender.takes, workloads))
    ]
    plan = Plan(
        contenders=chosen,
        workloads=workloads,
        connections=[int(n) for n in given.connections.split(",")]
        if given.connections
        else profile["connections"],
        sync=given.sync.split(",") if given.sync else (),
        rounds=given.rounds or profile["rounds"],
        other_rounds=given.rounds or profile["other_rounds"],
        seconds=given.seconds or profile["seconds"],
        rows=given.rows or profile["rows"],
        bulk_rounds=given.bulk_rounds or profile["bulk_rounds"],
        standby=given.standby,
        files=files,
    )
    for server in given.server or ["local", "embedded"]:
        name = given.name or (server if server in ("local", "embedded") else "given")
        name += "-standby" if given.standby else ""
        compare(server, plan, functools.partial(save_results, name))
        print(RESULTS / f"compare-{name}.json")


if __name__ == "__main__":
    main()

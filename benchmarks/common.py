"""A throw-away server with the kit, CPU time of processes, and results with their conditions."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from pgaudit_kit.cli.main import main
from pgaudit_kit.server import binaries as providers
from pgaudit_kit.server import ephemeral_server
from pgaudit_kit.server.account import server_account

RESULTS = Path(__file__).parent / "results"
Connection = psycopg.Connection[Any]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options that all measurements have."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument(
        "--server", choices=["local", "embedded"], default="local", help="whose binaries (default: local)"
    )
    return options


@contextlib.contextmanager
def kit_server(name: str) -> Iterator[str]:
    """The DSN of a new server (fsync off, as for tests) with the kit installed."""
    binaries = {"local": providers.local, "embedded": providers.embedded}[name](server_account())
    with ephemeral_server(binaries=binaries) as server:
        kit(server.dsn(), "install", "--yes")
        yield server.dsn()


def kit(dsn: str, *arguments: str) -> None:
    """Run a command of the kit that must succeed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["--dsn", dsn, *arguments])
    if code:
        raise SystemExit(f"pgaudit-kit {' '.join(arguments)} ended with {code}:\n{said.getvalue()}")


def connect(dsn: str) -> Connection:
    """A connection in autocommit mode; commits do not wait for the disk."""
    return psycopg.connect(dsn, autocommit=True, options="-c synchronous_commit=off")


def one(conn: Connection, query: str, parameters: Any = None) -> Any:
    """The one value that the query gives."""
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def cpu_us(*pids: int) -> float:
    """CPU time of the processes so far, user and system, in microseconds; the kernel counts 10 ms steps."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1e6 / os.sysconf("SC_CLK_TCK")


def save(name: str, server: str, conn: Connection, figures: dict[str, Any]) -> None:
    """Print the figures and write them with the conditions they were taken under."""
    result = {
        "measurement": name,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "postgresql": one(conn, "SHOW server_version"),
        "fsync": one(conn, "SHOW fsync"),
        "cpus": os.cpu_count(),
        "load_average": [round(value, 1) for value in os.getloadavg()],
        "python": platform.python_version(),
        "revision": _revision(),
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}-{server}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()

"""PostgreSQL's own programs, run as a person would run them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psycopg

from pgaudit_kit.server.cluster import environment
from tests.servers import PgServer

Connection = psycopg.Connection[Any]


def call(bindir: Path, name: str, *args: str | Path, code: int | None = 0, **options: Any) -> str:
    """Runs one; returns what it said. `code`: how it must end, None for either way."""
    answer: subprocess.CompletedProcess[str] = subprocess.run(
        [bindir / name, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **{"cwd": "/", "env": {**environment(), "PGOPTIONS": ""}, **options},
    )
    if code is not None:
        assert answer.returncode == code, f"{name} {args} ended with {answer.returncode}:\n{answer.stdout}"
    said: str = answer.stdout
    return said


def newest(*servers: PgServer) -> Path:
    """The programs of the newest of the servers: pg_dump reads older servers, not newer ones."""
    bindir = max(servers, key=lambda server: server.version_num).bindir
    assert bindir is not None
    return bindir


def last_xid(conn: Connection) -> int:
    """A transaction id of now."""
    row = conn.execute("SELECT txid_current()").fetchone()
    assert row is not None
    value: int = row[0]
    return value


def understands(new: Path, old: Path) -> bool:
    """Whether servers of `new` can read what pg_dump of `old` writes.

    Minor releases of late 2026 (15.20) add the column option pg_attver to every dump; a server from before,
    of whatever major version, refuses it ("unrecognized parameter").
    """
    option = b"pg_attver"
    return option not in (old / "pg_dump").read_bytes() or option in (new / "postgres").read_bytes()

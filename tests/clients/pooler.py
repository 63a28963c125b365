"""PgBouncer for a test, in transaction mode on a socket of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgaudit_kit.server.account import server_account
from pgaudit_kit.server.postmaster import wait_until
from tests.people import open_folder
from tests.servers import Database

PORT = "6432"  # names the socket's file alone


def program() -> str:
    """Where it is; skips where it is not, unless PGAUDIT_KIT_REQUIRE says that this is CI."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        assert "local" not in os.environ.get("PGAUDIT_KIT_REQUIRE", ""), "CI installs pgbouncer"
        pytest.skip("pgbouncer is not installed")
    return found


def version() -> tuple[int, ...]:
    """Like (1, 18, 0)."""
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"PgBouncer (\d+)\.(\d+)\.(\d+)", said)
    assert found, said
    return tuple(int(part) for part in found.groups())


@contextlib.contextmanager
def pgbouncer(db: Database, **settings: str) -> Iterator[str]:
    """The DSN of the test's database through a PgBouncer that the block has for itself.

    It runs as the server's account, which alone may enter the server's socket folder; it refuses root.
    """
    if db.server.bindir is None:
        pytest.skip("the server's programs are not on this machine")
    told = conninfo_to_dict(db.dsn)
    account = server_account()
    options = {
        "listen_addr": "", "listen_port": PORT, "auth_type": "any", "pool_mode": "transaction",
        "default_pool_size": "4", "max_client_conn": "200", "server_reset_query_always": "0", **settings,
    }  # fmt: skip
    with open_folder(account.uid) as folder:
        config = folder / "pgbouncer.ini"
        target = f"host={told['host']} port={told['port']} user={told['user']} dbname={told['dbname']}"
        lines = [f"{name} = {value}\n" for name, value in options.items()]
        config.write_text(
            f"[databases]\napp = {target}\n[pgbouncer]\nunix_socket_dir = {folder}\n{''.join(lines)}"
        )
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [program(), str(config)],
                stdout=log, stderr=subprocess.STDOUT, cwd="/", **account.subprocess_options(),
            )  # fmt: skip
        try:
            socket = folder / f".s.PGSQL.{PORT}"
            assert wait_until(lambda: process.poll() is not None or socket.exists(), 20), _said(folder)
            assert process.poll() is None, _said(folder)
            yield make_conninfo(host=str(folder), port=PORT, dbname="app", user=str(told["user"]))
        finally:
            process.kill()
            process.wait()


def _said(folder: Path) -> str:
    return (folder / "log").read_text()


def backends(db: Database) -> int:
    """How many connections PgBouncer has to the test's database."""
    row = db.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def pooled(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """A client as one has to be behind a pooler in transaction mode: it prepares no statements."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)

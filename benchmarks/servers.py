"""A server to measure on: durable settings, nothing in the background that strikes now and then."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pgaudit_kit.server import Binaries, Server, ephemeral_server
from pgaudit_kit.server import binaries as providers
from pgaudit_kit.server.account import server_account
from pgaudit_kit.server.cluster import Cluster, give_folder
from pgaudit_kit.server.ephemeral import _process

SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "max_connections": "150",
    "shared_buffers": "1GB",
    # what would hit one contender and spare another
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "16GB",
    "min_wal_size": "1GB",
}


@dataclass(frozen=True)
class Programs:
    """Client programs of the server's version, and the server's main process."""

    server: Server

    def path(self, name: str) -> str:
        """Where the program is; psql and pgbench come with most servers."""
        found = self.server.binaries.bindir / name
        given = str(found) if found.is_file() else shutil.which(name)
        if given is None:
            raise SystemExit(f"{name} is missing: it belongs beside {self.server.binaries.bindir}/postgres")
        return given

    @property
    def postmaster(self) -> int:
        """Process id of the server's first process."""
        return int((self.server.cluster.data_dir / "postmaster.pid").read_text().split()[0])


def binaries(name: str) -> Binaries:
    """`local`, `embedded`, or a folder with the server's programs."""
    account = server_account()
    if name in ("local", "embedded"):
        return {"local": providers.local, "embedded": providers.embedded}[name](account)
    return providers.given(account, Path(name))


@contextlib.contextmanager
def bench_server(name: str, settings: Mapping[str, str]) -> Iterator[Programs]:
    """A new server, gone at the end of the block."""
    with ephemeral_server(binaries=binaries(name), settings={**SETTINGS, **settings}) as server:
        yield Programs(server)


@contextlib.contextmanager
def standby(programs: Programs, settings: Mapping[str, str]) -> Iterator[None]:
    """A streaming standby of the server as it is now, for the block."""
    server = programs.server
    home = server.cluster.home / "standby"
    home.mkdir(mode=0o711)
    cluster = Cluster(home, home / "data", home / "s")
    for folder in (cluster.socket_dir, cluster.data_dir):
        give_folder(folder, server.account)
    command = [programs.path("pg_basebackup"), "--dbname", server.dsn(), "--pgdata", str(cluster.data_dir)]
    options = ["--checkpoint", "fast", "--write-recovery-conf", "--no-sync"]
    subprocess.run([*command, *options], check=True, cwd="/", **server.account.subprocess_options())
    given = {**SETTINGS, **settings, "hot_standby": "on"}
    with _process(cluster, server.binaries, server.account, given, "watcher"):
        yield

"""Clusters that a test makes, copies, upgrades and promotes; each ends with the test."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pgaudit_kit.server import Binaries
from pgaudit_kit.server.account import Account, server_account
from pgaudit_kit.server.cluster import SETTINGS, THROW_AWAY, Cluster, give_folder, initialize
from pgaudit_kit.server.ephemeral import _base as base_folder
from pgaudit_kit.server.ephemeral import _home, _process
from tests.restore.programs import call
from tests.servers import cluster_folder

FAST = {**SETTINGS, **THROW_AWAY, "wal_level": "logical", "shared_buffers": "16MB", "autovacuum": "off"}


@dataclass
class Place:
    """A folder of this test for clusters of one version, side by side."""

    home: Path
    binaries: Binaries
    account: Account

    def cluster(self, name: str) -> Cluster:
        """Folders of one cluster; nothing is there yet."""
        base = self.home / name
        base.mkdir(mode=0o711)
        cluster = Cluster(base, base / "data", base / "s")
        give_folder(cluster.socket_dir, self.account)
        return cluster

    def run(self, program: str, *args: str | Path, code: int | None = 0) -> str:
        """A program that works on data directories, as their owner."""
        return call(self.binaries.bindir, program, *args, code=code, **self.account.subprocess_options())

    @contextlib.contextmanager
    def running(self, cluster: Cluster, settings: Mapping[str, str] | None = None) -> Iterator[Cluster]:
        """Its server, for the block."""
        with _process(cluster, self.binaries, self.account, {**FAST, **(settings or {})}, "watcher"):
            yield cluster

    def initialize(self, name: str, *options: str) -> Cluster:
        """A new cluster."""
        cluster = self.cluster(name)
        if options:
            give_folder(cluster.data_dir, self.account)
            common = ["--encoding", "UTF8", "--locale", "C.UTF-8", "--username", "postgres", "--no-sync"]
            self.run("initdb", "--auth", "trust", "--pgdata", cluster.data_dir, *common, *options)
        else:
            initialize(cluster, self.binaries, self.account, ephemeral=True)
        return cluster

    def base_backup(self, source: Cluster, name: str, *options: str) -> Cluster:
        """A physical copy of a running cluster."""
        cluster = self.cluster(name)
        # the folder must not exist, and its parent belongs to us
        give_folder(cluster.data_dir, self.account)
        self.run(
            "pg_basebackup", "--dbname", source.dsn(), "--pgdata", cluster.data_dir, "--checkpoint", "fast",
            "--no-sync", *options,
        )  # fmt: skip
        return cluster

    def standby(self, source: Cluster, name: str) -> Cluster:
        """A physical copy that follows its source once it runs.

        What pg_basebackup writes for that names each option of its libpq; a server may have an older one.
        """
        cluster = self.base_backup(source, name, "--write-recovery-conf")
        with (cluster.data_dir / "postgresql.auto.conf").open("a", encoding="utf-8") as config:
            config.write(f"primary_conninfo = 'user=postgres host={source.socket_dir}'\n")
        return cluster


@contextlib.contextmanager
def place(binaries: Binaries) -> Iterator[Place]:
    """Room for clusters of one version, gone after the block."""
    account = server_account()
    with _home(base_folder(account, cluster_folder()), account) as outer:
        yield Place(outer.home, binaries, account)


def copy_folder(source: Path, target: Path, account: Account) -> None:
    """A copy with its owner."""
    shutil.copytree(source, target)
    for path in [target, *target.rglob("*")]:
        if account.switch:
            shutil.chown(path, account.uid, account.gid)


def connected(cluster: Cluster, dbname: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    """A superuser's connection in autocommit mode."""
    return psycopg.connect(cluster.dsn(dbname), autocommit=True)

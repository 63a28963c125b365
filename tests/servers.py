"""The PostgreSQL servers that tests run on, by name.

`embedded`  PostgreSQL 18 from the extra of that name;
`local`     the newest PostgreSQL installed on this machine (Debian 12 has 15), with pg_cron,
            pgaudit and pg_partman where their packages are installed;
`dsn`       the server that PGAUDIT_TEST_DSN names, as a superuser; it is not restarted, and
            what tests create on it they drop;
`container` a Docker container of PGAUDIT_KIT_CONTAINER_IMAGE, where an engine answers;
`pg14` … `pg18`  as `make fetch-matrix` downloaded them; looked for only where they are named.

PGAUDIT_KIT_SERVERS=pg14,dsn names the servers to use instead of the first four, and
PGAUDIT_KIT_REQUIRE those that have to be there. All but `dsn` are throw-away clusters, made when a
test first needs one; all but `dsn` and `container` have programs of theirs on this machine.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgaudit_kit.errors import KitError, ServerUnreachable
from pgaudit_kit.server import Binaries, ephemeral_server
from pgaudit_kit.server import binaries as providers
from pgaudit_kit.server.account import server_account
from tests import container, matrix_binaries

USUAL = ("embedded", "local", "dsn", "container")
MATRIX = {f"pg{major}": major for major in matrix_binaries.MAJORS}
NAMES = (*USUAL, *MATRIX)
SETTINGS = {
    "autovacuum": "off",  # it may hold a lock for longer than those wait that give way to writers
    "max_connections": "200",
    "max_worker_processes": "16",
    "max_locks_per_transaction": "128",
    "max_prepared_transactions": "10",
    "wal_level": "logical",
    "track_commit_timestamp": "off",
    "jit": "off",  # compiling a query over the view of all events takes a hundred times as long as running it
}
PRELOADED = ("pg_cron", "pgaudit")  # where the server has them
PLENTY = 8 << 30
"""Bytes of memory that have to be free for clusters to be kept there; a run with 4 workers uses far less."""

_numbers = itertools.count(1)


def unique(prefix: str) -> str:
    """A name that no other test uses, in this process or another."""
    return f"{prefix}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}_{next(_numbers)}"


class Database(psycopg.Connection[Any]):
    """A superuser's connection, in autocommit mode, to a database of the test's own."""

    dsn: str
    name: str
    server: PgServer
    roles: list[str]

    def role(self, prefix: str = "r", options: str = "LOGIN") -> str:
        """Creates a role under a new name; it is dropped after the database."""
        name = unique(prefix)
        self.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(name), sql.SQL(options)))
        self.roles.append(name)
        return name


def connect(db: Database, user: str | None = None, **options: Any) -> psycopg.Connection[Any]:
    """One more connection to the test's database, in autocommit mode unless told otherwise.

    The caller closes it; the database's end closes it too.
    """
    dsn = make_conninfo(db.dsn, user=user) if user else db.dsn
    return psycopg.connect(dsn, **{"autocommit": True, **options})


@dataclass
class PgServer:
    """A running server that tests share, each in databases of its own."""

    name: str
    version_num: int
    bindir: Path | None
    make_dsn: Callable[[str], str]
    admin: psycopg.Connection[Any]
    _templates: dict[str, str] = field(default_factory=dict)

    @property
    def major(self) -> int:
        """Like 18."""
        return self.version_num // 10_000

    def dsn(self, dbname: str = "postgres", user: str | None = None) -> str:
        """How to connect, as a superuser unless `user` says otherwise."""
        return make_conninfo(self.make_dsn(dbname), user=user) if user else self.make_dsn(dbname)

    def create_database(self, template: str = "template1", prefix: str = "t") -> str:
        """Clones a database to which nobody is connected; returns the new one's name."""
        name = unique(prefix)
        # From 15 on the default writes every page to the log; tests want speed.
        strategy = sql.SQL("STRATEGY file_copy" if self.major >= 15 else "")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} {}")
        self.admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template), strategy))
        return name

    def drop_database(self, name: str) -> None:
        """Drops a database whatever is connected to it, prepared or replicating in it."""
        slots = "FROM pg_replication_slots WHERE database = %s"
        self.admin.execute(f"SELECT pg_terminate_backend(active_pid, 5000) {slots}", [name])
        self.admin.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}", [name])
        prepared = self.admin.execute("SELECT gid FROM pg_prepared_xacts WHERE database = %s", [name])
        if gids := [gid for (gid,) in prepared]:
            with psycopg.connect(self.dsn(name), autocommit=True) as conn:
                for gid in gids:
                    conn.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
        self.admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, name: str, build: Callable[[str], None]) -> str:
        """The database that `build`, given a DSN, has filled; built once for each server."""
        if name not in self._templates:
            database = self.create_database(prefix=f"template_{name}")
            try:
                build(self.dsn(database))
            except BaseException:
                self.drop_database(database)
                raise
            self._templates[name] = database
        return self._templates[name]

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[Database]:
        """A database for one test, dropped at the end together with the roles it made."""
        name = self.create_database(template)
        roles: list[str] = []
        try:
            with Database.connect(self.dsn(name), autocommit=True) as db:
                db.dsn, db.name, db.server, db.roles = self.dsn(name), name, self, roles
                yield db
        finally:
            self.drop_database(name)
            for role in reversed(roles):
                self.admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))

    def close(self) -> None:
        """Drops the templates."""
        for database in self._templates.values():
            self.drop_database(database)
        self.admin.close()


@dataclass(frozen=True)
class Found:
    """The servers there are: name and version, and for the others the reason why not.

    `binaries` has those whose programs are on this machine, so that tests can start clusters of theirs.
    """

    versions: Mapping[str, str]
    binaries: Mapping[str, Binaries]
    missing: Mapping[str, str]

    def header(self) -> str:
        """One line for pytest's header."""
        found = ", ".join(f"{name} {version}" for name, version in self.versions.items()) or "none"
        absent = "; ".join(f"{name} ({why})" for name, why in self.missing.items())
        return f"servers: {found}" + (f"; not found: {absent}" if absent else "")


def named(variable: str) -> tuple[str, ...]:
    """The servers that an environment variable lists. Raises ValueError: there is no such server."""
    names = tuple(name.strip() for name in os.environ.get(variable, "").split(",") if name.strip())
    for name in names:
        if name not in NAMES:
            raise ValueError(f"{variable}: unknown server {name!r}; known: {', '.join(NAMES)}")
    return names


@functools.cache
def find_servers() -> Found:
    """Looks for each server by name. Raises ValueError: a variable names one that is none."""
    versions: dict[str, str] = {}
    binaries: dict[str, Binaries] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys((*(named("PGAUDIT_KIT_SERVERS") or USUAL), *named("PGAUDIT_KIT_REQUIRE"))):
        try:
            if name == "dsn":
                versions[name] = _version_at_dsn()
            elif name == "container":
                versions[name] = container.image()
            else:
                binaries[name] = _programs(name)
                versions[name] = binaries[name].version
        except KitError as error:
            missing[name] = error.message.rstrip(".")
    return Found(versions, binaries, missing)


def _programs(name: str) -> Binaries:
    if name in MATRIX:
        return matrix_binaries.unpacked(MATRIX[name])
    return {"embedded": providers.embedded, "local": providers.local}[name](server_account())


def _version_at_dsn() -> str:
    dsn = os.environ.get("PGAUDIT_TEST_DSN")
    if not dsn:
        raise ServerUnreachable("PGAUDIT_TEST_DSN is not set")
    try:
        with psycopg.connect(dsn, connect_timeout=10) as conn:
            return conn.info.parameter_status("server_version") or ""
    except psycopg.Error as error:
        raise ServerUnreachable(str(error).strip()) from error


def cluster_folder() -> Path | None:
    """Where throw-away clusters go: into memory if there is plenty, where a database is copied in a tenth
    of the time; else, and where TMPDIR is set, None, for the usual place."""
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return None
    about = Path("/proc/meminfo").read_text()
    available = next(int(line.split()[1]) << 10 for line in about.splitlines() if "MemAvailable" in line)
    return memory if min(available, shutil.disk_usage(memory).free) >= PLENTY else None


@contextlib.contextmanager
def open_server(name: str, found: Found) -> Iterator[PgServer]:
    """Starts, or for `dsn` connects to, the server of that name."""
    if name not in found.binaries:
        dsns = container.running(SETTINGS) if name == "container" else _given()
        with dsns as given, _opened(name, None, lambda db: make_conninfo(given, dbname=db)) as server:
            yield server
        return
    programs = found.binaries[name]
    settings = {**SETTINGS, **_preload(programs)}
    with (
        ephemeral_server(binaries=programs, settings=settings, base=cluster_folder()) as private,
        _opened(name, programs.bindir, private.dsn) as server,
    ):
        yield server


def _given() -> contextlib.nullcontext[str]:
    return contextlib.nullcontext(os.environ["PGAUDIT_TEST_DSN"])


@contextlib.contextmanager
def _opened(name: str, bindir: Path | None, make_dsn: Callable[[str], str]) -> Iterator[PgServer]:
    with psycopg.connect(make_dsn("postgres"), autocommit=True) as admin:
        server = PgServer(name, admin.info.server_version, bindir, make_dsn, admin)
        try:
            yield server
        finally:
            server.close()


def _preload(programs: Binaries) -> dict[str, str]:
    """The setting that loads those extensions of PRELOADED that the server has."""
    answer = subprocess.run(
        [programs.program("pg_config"), "--pkglibdir"], capture_output=True, text=True, check=False
    )
    folder = Path(answer.stdout.strip())
    present = [name for name in PRELOADED if (folder / f"{name}.so").is_file()]
    return {"shared_preload_libraries": ",".join(present)} if present else {}

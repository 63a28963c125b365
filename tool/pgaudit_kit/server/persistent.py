"""Servers that stay: started once, kept in a data directory, stopped on demand."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgaudit_kit.server import postmaster
from pgaudit_kit.server.account import Account, can_reach, owner_account, server_account
from pgaudit_kit.server.binaries import Binaries, find
from pgaudit_kit.server.cluster import (
    SUPERUSER,
    Cluster,
    environment,
    fits_socket,
    give_folder,
    initialize,
    log_tail,
    open_log,
    postgres_options,
    socket_dsn,
)
from pgaudit_kit.server.errors import BadDataDirectory, ServerFailed, ServerNotRunning
from pgaudit_kit.server.postmaster import Postmaster

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60.0
LEFTOVERS = "shared memory block"  # in what PostgreSQL says while processes of a crash are ending
LEFTOVERS_TIMEOUT_S = 10.0
ROOTS_HOME = Path("/var/lib/pgaudit-kit")  # the server's account cannot enter root's own home


@dataclass(frozen=True, slots=True)
class Status:
    """A server as it is now. `pid` and `socket_dir` are None where it does not run."""

    home: Path
    major: str | None
    log_file: Path
    pid: int | None = None
    socket_dir: str | None = None
    port: int = 0

    @property
    def running(self) -> bool:
        """Whether it takes connections, or is about to."""
        return self.pid is not None

    def dsn(self, dbname: str = "postgres", user: str = SUPERUSER) -> str:
        """A connection URI. Raises ServerNotRunning."""
        if self.socket_dir is None:
            raise ServerNotRunning(f"No server is running on {self.home}.")
        return socket_dsn(self.socket_dir, self.port, dbname, user)


def default_home() -> Path:
    """The data directory where none is named: below the user's data directory, or root's."""
    if os.geteuid() == 0:
        return ROOTS_HOME
    named = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".local" / "share") / "pgaudit-kit"


def start(
    home: Path | None = None, *, bindir: Path | None = None, run_as: str | None = None
) -> tuple[Status, bool]:
    """Starts the server of a data directory, created where absent; True: it was not running.

    Of two calls at once one starts it, the other waits and finds it running.

    Raises NoBinaries, BinariesCannotRun, NoServerAccount, BadDataDirectory, ServerFailed.
    """
    home = (home or default_home()).resolve()
    cluster = _cluster(home)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(home):
        account = _prepare(home, run_as)
        server = _running(cluster)
        if server is None:
            major = int(cluster.major) if cluster.exists else None
            binaries = find(account, bindir, major)
            _check_major(cluster, binaries)
            if not cluster.exists:
                initialize(cluster, binaries, account)
            _launch(cluster, binaries, account)
        elif not server.ready:
            _await_other(cluster)
        return _status(cluster), server is None


def stop(home: Path | None = None) -> bool:
    """Stops the server, disconnecting its clients; False: it was not running.

    Raises BadDataDirectory, ServerFailed.
    """
    home = (home or default_home()).resolve()
    if not home.is_dir():
        return False
    cluster = _cluster(home)
    with _lock(home):
        server = _running(cluster)
        if server is None:
            return False
        postmaster.interrupt(server.pid, cluster.data_dir)
        if not postmaster.wait_until(lambda: _running(cluster) is None, STOP_TIMEOUT_S):
            raise ServerFailed(f"Process {server.pid} has not ended after {STOP_TIMEOUT_S:.0f} s.")
        if cluster.socket_dir.parent != home:
            with contextlib.suppress(OSError):
                cluster.socket_dir.rmdir()
        return True


def status(home: Path | None = None) -> Status:
    """Tells whether the server of a data directory is running, and where. Raises BadDataDirectory."""
    return _status(_cluster((home or default_home()).resolve()))


def _prepare(home: Path, run_as: str | None) -> Account:
    """Picks the account, which is the one that owns the data where there is any."""
    data_dir = home / "data"
    if data_dir.is_dir():
        account = owner_account(data_dir, run_as)
    else:
        account = server_account(run_as)
        if not {entry.name for entry in home.iterdir()} <= {"data.part"}:
            raise BadDataDirectory(f"{home} holds other files.")
        if account.switch and home.stat().st_uid == os.geteuid():
            home.chmod(0o711)  # the account passes through to its own folders
    if account.switch and not can_reach(account, home):
        raise BadDataDirectory(
            f"{account.name}, who has to run the server, cannot enter {home}.",
            hint="Choose a folder that it can reach with --data-dir.",
        )
    return account


def _cluster(home: Path) -> Cluster:
    socket_dir = home / "s"
    if not fits_socket(socket_dir):
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        socket_dir = Path("/tmp").resolve() / f"pgaudit-kit-{name}"  # noqa: S108  (owner is checked)
    return Cluster(home, home / "data", socket_dir)


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BadDataDirectory(f"{home}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _running(cluster: Cluster) -> Postmaster | None:
    try:
        return postmaster.running(cluster.data_dir)
    except PermissionError as error:
        raise BadDataDirectory(f"You may not look into {cluster.data_dir}.") from error


def _is_up(cluster: Cluster) -> bool:
    server = _running(cluster)
    return server is not None and server.ready


def _await_other(cluster: Cluster) -> None:
    """Waits for a server that somebody else has just started."""

    def decided() -> bool:
        return _running(cluster) is None or _is_up(cluster)

    if not postmaster.wait_until(decided, START_TIMEOUT_S) or not _is_up(cluster):
        raise ServerFailed(f"PostgreSQL did not start: {log_tail(cluster)}")


def _status(cluster: Cluster) -> Status:
    server = _running(cluster)
    major = cluster.major if cluster.exists else None
    if server is None:
        return Status(cluster.home, major, cluster.log_file)
    place = server.socket_dir, server.port
    return Status(cluster.home, major, cluster.log_file, server.pid, *place)


def _check_major(cluster: Cluster, binaries: Binaries) -> None:
    if cluster.exists and cluster.major != str(binaries.major):
        raise BadDataDirectory(
            f"{cluster.home} holds data of PostgreSQL {cluster.major}; "
            f"the programs in {binaries.bindir} are {binaries.version}.",
            hint=f"Name the programs of PostgreSQL {cluster.major} with --pg-bindir, "
            "or another folder with --data-dir.",
        )


def _launch(cluster: Cluster, binaries: Binaries, account: Account) -> None:
    """Runs the server in the background until stopped; returns when it takes connections."""
    give_folder(cluster.socket_dir, account)
    for leftover in cluster.socket_dir.glob(".s.PGSQL.*"):  # the folder serves this server alone
        leftover.unlink()
    postmaster.disown_stale(cluster.data_dir)

    def decided() -> bool:
        return _run_pg_ctl(cluster, binaries, account) or LEFTOVERS not in log_tail(cluster)

    if not postmaster.wait_until(decided, LEFTOVERS_TIMEOUT_S) or not _is_up(cluster):
        raise ServerFailed(
            f"PostgreSQL did not start: {log_tail(cluster)}",
            hint=f"{cluster.log_file} may say more.",
        )


def _run_pg_ctl(cluster: Cluster, binaries: Binaries, account: Account) -> bool:
    command = [binaries.program("pg_ctl"), "start", "-D", str(cluster.data_dir), "-s", "-w"]
    command += ["-t", str(START_TIMEOUT_S), "-o", shlex.join(postgres_options(cluster, {}))]
    log = open_log(cluster)
    try:
        answer = subprocess.run(
            command,
            **account.subprocess_options(),
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    finally:
        os.close(log)
    return answer.returncode == 0

"""Servers for a demonstration or a test: they end with their owner, and leave nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pgaudit_kit.server import launch, postmaster
from pgaudit_kit.server.account import Account, can_reach, server_account
from pgaudit_kit.server.binaries import Binaries, find
from pgaudit_kit.server.cluster import (
    SETTINGS,
    THROW_AWAY,
    Cluster,
    environment,
    fits_socket,
    give_folder,
    initialize,
    log_tail,
    open_log,
    postgres_options,
)
from pgaudit_kit.server.errors import BadDataDirectory, ServerFailed

Lifeline = Literal["pdeathsig", "watcher"]

PREFIX = "pgaudit-kit-tmp-"
NAMELESS = ".pgaudit-kit-new-"  # until its owner holds the lock, which a sweep looks for
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    cluster: Cluster
    binaries: Binaries
    account: Account
    pid: int

    def dsn(self, dbname: str = "postgres", user: str = "postgres") -> str:
        """A connection URI; `postgres` is the superuser."""
        return self.cluster.dsn(dbname, user)


@contextlib.contextmanager
def ephemeral_server(
    bindir: Path | None = None,
    *,
    run_as: str | None = None,
    settings: Mapping[str, str] | None = None,
    base: Path | None = None,
    lifeline: Lifeline | None = None,
    binaries: Binaries | None = None,
) -> Iterator[Server]:
    """A server on a new cluster in a temporary folder, both gone at the end of the block.

    The server ends even if this process is killed; the folder then goes with the next ephemeral
    server of the same user. `settings` are added to the defaults, `base` is where the folder goes.
    Give `binaries`, found for the same account, or `bindir`, or neither.

    Raises NoBinaries, BinariesCannotRun, NoServerAccount, BadDataDirectory, ServerFailed.
    """
    account = server_account(run_as)
    binaries = binaries or find(account, bindir)
    base = _base(account, base)
    sweep(base)
    options = {**SETTINGS, **THROW_AWAY, **(settings or {})}
    lifeline = lifeline or _lifeline()
    with _home(base, account) as cluster:
        initialize(cluster, binaries, account, ephemeral=True, prefix=_launcher(account, _lifeline_once()))
        with _process(cluster, binaries, account, options, lifeline) as pid:
            yield Server(cluster, binaries, account, pid)


def sweep(base: Path) -> list[Path]:
    """Removes the ephemeral clusters in `base` whose owner has ended; returns their folders."""
    swept = []
    for home in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if home.is_symlink() or home.lstat().st_uid != os.geteuid():
                continue
            lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_orphan(home / "data")
                shutil.rmtree(home, ignore_errors=True)
                swept.append(home)
            finally:
                os.close(lock)
    return swept


def _end_orphan(data_dir: Path) -> None:
    """Makes sure that no server uses the folder any more."""

    def ended() -> bool:
        orphan = postmaster.running(data_dir)
        if orphan is not None:
            postmaster.interrupt(orphan.pid, data_dir, signal.SIGQUIT)
        return orphan is None

    postmaster.wait_until(ended, STOP_TIMEOUT_S)


def _base(account: Account, wanted: Path | None) -> Path:
    """A folder for temporary ones that the account can reach, with a short enough path."""
    candidates = [wanted] if wanted else [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108
    for candidate in candidates:
        folder = candidate.resolve()
        if fits_socket(folder / f"{PREFIX}xxxxxxxx" / "s") and can_reach(account, folder):
            return folder
    raise BadDataDirectory(
        f"{account.name} cannot reach {candidates[0]}, or its path is too long for a socket.",
        hint="Set TMPDIR to a folder with a short path that every account can enter.",
    )


@contextlib.contextmanager
def _home(base: Path, account: Account) -> Iterator[Cluster]:
    """A new folder, locked by this process for as long as it lives."""
    nameless = Path(tempfile.mkdtemp(prefix=NAMELESS, dir=base))
    lock = os.open(nameless, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    home = base / f"{PREFIX}{nameless.name.removeprefix(NAMELESS)}"
    try:
        nameless.rename(home)
        if account.switch:
            home.chmod(0o711)  # ours; the account passes through to its own folders
        cluster = Cluster(home, home / "data", home / "s")
        give_folder(cluster.socket_dir, account)
        yield cluster
    finally:
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(nameless, ignore_errors=True)
        os.close(lock)


def _lifeline() -> Lifeline:
    """The kernel's signal follows the thread that starts a process, so only main may use it."""
    main = threading.current_thread() is threading.main_thread()
    return "pdeathsig" if sys.platform == "linux" and main else "watcher"


def _lifeline_once() -> Literal["pdeathsig", "none"]:
    """For a program that this thread waits for."""
    return "pdeathsig" if sys.platform == "linux" else "none"


def _launcher(account: Account, lifeline: str) -> list[str]:
    """What goes before a program so that it runs as the account and ends with this process."""
    identity = [account.uid, account.gid] if account.switch else [-1, -1]
    arguments = [lifeline, str(os.getpid()), *map(str, identity)]
    return [sys.executable, "-I", "-S", launch.__file__, *arguments]


@contextlib.contextmanager
def _process(
    cluster: Cluster,
    binaries: Binaries,
    account: Account,
    settings: Mapping[str, str],
    lifeline: Lifeline,
) -> Iterator[int]:
    """Runs the server for the block, from the moment it takes connections."""
    command = [binaries.program("postgres"), "-D", str(cluster.data_dir)]
    log = open_log(cluster)
    try:
        process = subprocess.Popen(
            [*_launcher(account, lifeline), *command, *postgres_options(cluster, settings)],
            cwd="/",
            env=environment(),
            stdin=subprocess.PIPE if lifeline == "watcher" else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the owner alone, which ends the server
        )
    finally:
        os.close(log)
    try:
        _await_ready(process, cluster)
        yield process.pid
    finally:
        _end(process)


def _await_ready(process: subprocess.Popen[bytes], cluster: Cluster) -> None:
    def decided() -> bool:
        server = postmaster.running(cluster.data_dir)
        return process.poll() is not None or (server is not None and server.ready)

    if not postmaster.wait_until(decided, START_TIMEOUT_S) or process.poll() is not None:
        raise ServerFailed(f"PostgreSQL did not start: {log_tail(cluster)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the server: clients are disconnected; if that takes too long, at once."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
            break
        except subprocess.TimeoutExpired:
            continue
    if process.stdin is not None:
        process.stdin.close()

"""What a data directory and the system tell about the server that runs on it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PID_FILE = "postmaster.pid"
POLL_S = 0.02
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The server process of a data directory, as its postmaster.pid describes it."""

    pid: int
    socket_dir: str
    port: int
    ready: bool


def running(data_dir: Path) -> Postmaster | None:
    """The living server of `data_dir`, which must be its resolved path; None where there is none.

    A postmaster.pid left by a crash does not count, even if its number now is another process.

    Raises PermissionError: we may not look into the folder.
    """
    noted = _noted(data_dir)
    if noted is None or not is_postmaster(noted.pid, data_dir):
        return None
    return noted


def is_postmaster(pid: int, data_dir: Path) -> bool:
    """Tells whether process `pid` is a postgres that was started on `data_dir`."""
    arguments = _arguments(pid)
    started_on = ("-D", str(data_dir))
    return any(pair == started_on for pair in itertools.pairwise(arguments))


def disown_stale(data_dir: Path) -> None:
    """Lets a server start though the number in a crashed one's postmaster.pid is in use again.

    PostgreSQL takes the process of that number for a server. It does not if the number is that of
    pg_ctl's caller, which is us. The rest of the file stays, for by it PostgreSQL finds out
    whether processes of the crashed server still use its memory.
    """
    noted = _noted(data_dir)
    if noted is None or is_postmaster(noted.pid, data_dir):
        return
    descriptor = os.open(data_dir / PID_FILE, os.O_RDWR | os.O_NOFOLLOW)
    with open(descriptor, "r+", encoding="utf-8", errors="surrogateescape") as file:
        _, rest = file.readline(), file.read()
        file.seek(0)
        file.write(f"{os.getpid()}\n{rest}")
        file.truncate()


def interrupt(pid: int, data_dir: Path, how: signal.Signals = signal.SIGINT) -> None:
    """Sends a server a shutdown signal: SIGINT disconnects clients, SIGQUIT also skips clean-up."""
    if is_postmaster(pid, data_dir):
        os.kill(pid, how)


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Waits for a condition about another process; False after `timeout_s` without it."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _noted(data_dir: Path) -> Postmaster | None:
    try:
        lines = (data_dir / PID_FILE).read_text(errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    # pid, data directory, start time, port, socket directory, address, shared memory, state
    lines += [""] * (8 - len(lines))
    if not lines[0].strip().isdecimal() or not (lines[3] or "0").strip().isdecimal():
        return None  # being written
    return Postmaster(int(lines[0]), lines[4], int(lines[3] or 0), lines[7].strip() == "ready")


def _arguments(pid: int) -> list[str]:
    if (PROC / "self" / "cmdline").exists():
        try:
            raw = (PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return []
        return [os.fsdecode(argument) for argument in raw.split(b"\0")]
    answer = subprocess.run(["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True)
    _, flag, rest = answer.stdout.rstrip("\n").partition(" -D ")
    return ["-D", rest.partition(" -c ")[0].strip()] if flag else []

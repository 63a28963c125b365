"""CPU time of processes from the kernel's scheduler, in nanoseconds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of the process so far; a process that has ended raises FileNotFoundError."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            spent += int((task / "schedstat").read_text().split()[0])
    return spent


def children(pid: int) -> list[int]:
    """The processes that the process has started and that still run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def cpu_by_process(pids: Iterable[int]) -> dict[int, int]:
    """CPU time of each process; those that have ended are left out."""
    spent = {}
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            spent[pid] = cpu_ns(pid)
    return spent

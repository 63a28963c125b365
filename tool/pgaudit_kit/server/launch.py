"""Starts one program as another account and ends it when its owner ends.

Run as a script, `python -I -S launch.py LIFELINE OWNER UID GID PROGRAM [ARGUMENT]...`, so that
nothing runs between fork and exec in the owner, whose threads may hold locks. It uses the
standard library alone, because the account it becomes may be unable to read any other package.

LIFELINE is how the program learns of its owner's end, even by SIGKILL:
`pdeathsig`  Linux: the kernel sends SIGINT when the owner's thread that called us ends;
`watcher`    anywhere: a child of ours reads standard input, whose other end the owner holds
             open, and sends SIGINT at its end of file;
`none`       it does not.
UID -1 keeps the account. Standard error says why a program could not be executed (status 126).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
CANNOT_EXECUTE = 126


def become(uid: int, gid: int) -> None:
    """Gives up root for the account, its supplementary groups included."""
    if uid < 0:
        return
    os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)


def ask_kernel(owner: int) -> None:
    """Has the kernel interrupt this process at its owner's end. After setuid, which clears it."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != owner:  # it ended before we asked
        sys.exit(CANNOT_EXECUTE)


def leave_watcher() -> None:
    """Forks a child that interrupts this process once standard input ends."""
    program = os.getpid()
    if os.fork() != 0:
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        return
    os.setsid()
    while os.read(0, 4096):
        pass
    if os.getppid() == program:
        os.kill(program, signal.SIGINT)
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Becomes the program named by `arguments`; returns only by an exception."""
    lifeline, owner, uid, gid, *command = arguments
    become(int(uid), int(gid))
    if lifeline == "pdeathsig":
        ask_kernel(int(owner))
    elif lifeline == "watcher":
        leave_watcher()
    try:
        os.execv(command[0], command)  # noqa: S606  (no shell wanted)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(CANNOT_EXECUTE)


if __name__ == "__main__":
    main(sys.argv[1:])

"""A worker that ends by SIGKILL at a step of its work, again and again; started by test_kill.py as a program.

Each turn is a fork, which seals and signs over connections of its own and dies where it was told to.
Whose client dies, of that a seal notices nothing: it goes on to its end. So in some turns it is the
session that is ended in the midst of it. Prints how many turns died at each step.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import psycopg

from pgaudit_kit.anchor_specs import FolderAnchor
from pgaudit_kit.anchors import open_anchor
from pgaudit_kit.db import Connection, connect
from pgaudit_kit.signing import SignedLog, Signer, StateFile, read_key
from pgaudit_kit.timeouts import Timeouts
from pgaudit_kit.worker import seal

STEPS = (
    "sealing", "cut off", "sealed", "prepared", "signed", "remembered", "asked worm", "published", "later",
    "never",
)  # fmt: skip
CUT_OFF = 3
"""With this the process ends whose session was ended while it sealed."""


def die() -> None:
    """As kill -9 does it: no handler, no flush, no goodbye to the server."""
    os.kill(os.getpid(), signal.SIGKILL)


def end_session(conn: Connection, pid: int) -> None:
    """Another's, which rolls back what it was about to do."""
    conn.execute("SELECT pg_terminate_backend(%s)", [pid])


def work(dsn: str, folder: Path, at: str, delay: float) -> None:
    """One turn."""

    def reached(step: str) -> None:
        if step == at:
            die()

    with connect(dsn, timeouts=Timeouts()) as conn, connect(dsn, timeouts=Timeouts()) as other:
        if at == "sealing":  # while the server is at work
            threading.Timer(delay, die).start()
        if at == "later":
            threading.Timer(delay * 20, die).start()
        if at == "cut off":
            threading.Timer(delay, end_session, (other, conn.info.backend_pid)).start()
            try:
                seal(conn, "audit")
            except psycopg.OperationalError:
                os._exit(CUT_OFF)
            os._exit(0)  # it was done before
        seal(conn, "audit")
        reached("sealed")
        anchor = open_anchor(FolderAnchor(name="worm", path=str(folder / "worm")))
        key = read_key(folder / "log.key")
        signer = Signer(
            log=SignedLog(other, "audit"),
            key=key,
            file=StateFile(folder / "state"),
            origin=key.name,
            anchors=[anchor],
            step=reached,
        )
        signer.run()
        seal(conn, "audit")


def main(dsn: str, folder: Path, turns: int, seed: int) -> None:
    """Take turns; a turn that fails otherwise than by SIGKILL ends it all."""
    chance = random.Random(seed)
    ended: Counter[str] = Counter()
    for turn in range(turns):
        at = STEPS[turn % len(STEPS)]
        delay = chance.uniform(0, 0.01)
        child = os.fork()
        if child == 0:
            try:
                work(dsn, folder, at, delay)
            except BaseException as error:
                print(f"turn {turn}, {at}: {error!r}", file=sys.stderr)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            ended[at] += 1
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == CUT_OFF:
            ended[at] += 1
        elif os.WEXITSTATUS(status):
            sys.exit(1)
    print(json.dumps(ended))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

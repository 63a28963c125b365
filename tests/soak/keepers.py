"""Those who keep the log: sealers, partition maintenance, commands; and who ends what others began."""

from __future__ import annotations

import queue
import signal
from functools import partial
from typing import Any

from psycopg import sql

from tests.soak.answers import all_told
from tests.soak.ledger import Transaction
from tests.soak.sessions import Session
from tests.soak.world import Connection, World

ONE_MINUTE = """
    UPDATE audit.settings SET value = value || '{"interval": "1 minute", "premake": 0}'
    WHERE name = 'partitions';
    SELECT audit.maintain_partitions(p_limit => 3);
    UPDATE audit.settings SET value = value || '{"interval": "1 day", "premake": 7}' WHERE name = 'partitions'
"""
"""Makes partitions to the end of this minute only. What comes after them falls into the default partition."""


class Sealer:
    """Seals, in competition with the other one."""

    def __init__(self, world: World, who: str) -> None:
        self.world, self.choice = world, world.choices(who)
        self.session = Session(world, who, "SET lock_timeout = '5s'")

    def run(self) -> None:
        """Seals until the run ends."""
        while not self.world.stop.is_set():
            self.session(self._seal, own=True)
            self.world.stop.wait(self.choice.uniform(0, 0.6))
        self.session.close()

    def _seal(self, conn: Connection) -> None:
        row = conn.execute("SELECT audit.seal()").fetchone()
        assert row is not None
        self.world.count("sealed", row[0])
        self.world.count("seals")


class Maintainer:
    """Looks after the log's partitions, with gaps in between."""

    def __init__(self, world: World, who: str) -> None:
        self.world, self.choice = world, world.choices(who)
        self.session = Session(world, who, "SELECT 1")

    def run(self) -> None:
        """Moves, makes, and looks again, until the run ends."""
        while not self.world.stop.is_set():
            work = self.choice.choices((self._move, self._maintain, self._stamp), (5, 1, 1))[0]
            if self.session(work, own=True):
                self.world.count(work.__name__.strip("_"))
            self.world.stop.wait(self.choice.uniform(1, 4))
        self.session.close()

    def _move(self, conn: Connection) -> None:
        """As if it were later: nobody is on the way for more than 15 seconds."""
        batch = self.choice.choice((50, 500, 5000))
        query = "SELECT audit.move_default_rows(%s, clock_timestamp() + interval '45 seconds')"
        row = conn.execute(query, [batch]).fetchone()
        assert row is not None
        self.world.count("rows moved", row[0])

    def _maintain(self, conn: Connection) -> None:
        with conn.transaction():
            conn.execute(ONE_MINUTE)

    def _stamp(self, conn: Connection) -> None:
        conn.execute("SELECT audit.stamp_partitions()")


class Resolver:
    """Ends prepared transactions, which may have come through a crash, or never have been made."""

    def __init__(self, world: World, who: str) -> None:
        self.world, self.who, self.choice = world, who, world.choices(who)
        self.session = Session(world, who, "SET lock_timeout = '5s'")

    def run(self) -> None:
        """Until the run has ended and nothing is left."""
        while True:
            try:
                transaction = self.world.prepared.get(timeout=0.2)
            except queue.Empty:
                if self.world.stop.is_set() and self.world.writers_done.is_set():
                    break
                continue
            self.world.stop.wait(self.choice.uniform(0, 0.5))
            while not self.session(partial(self._resolve, transaction)):
                pass
        self.session.close()

    def _resolve(self, transaction: Transaction, conn: Connection) -> None:
        there = conn.execute("SELECT FROM pg_prepared_xacts WHERE gid = %s", [transaction.gid]).rowcount
        if there:
            commit = self.choice.random() < 0.6
            how = "COMMIT PREPARED {}" if commit else "ROLLBACK PREPARED {}"
            conn.execute(sql.SQL(how).format(sql.Literal(transaction.gid)))
            transaction.outcome = "committed" if commit else "aborted"
            self.world.count(f"prepared, {transaction.outcome}")
        self.world.note(self.who, f"{transaction.xid} {transaction.gid} {transaction.outcome}")


class Operator:
    """Runs the commands that people run."""

    COMMANDS = (
        ("verify", "--all"),
        ("plan",),
        ("apply", "--yes"),
        ("apply", "--yes"),
        ("status",),
        ("doctor",),
    )

    def __init__(self, world: World, who: str) -> None:
        self.world, self.who, self.choice = world, who, world.choices(who)

    def run(self) -> None:
        """One command after the other."""
        while not self.world.stop.is_set():
            self._command(self.choice.choice(self.COMMANDS))
            self.world.stop.wait(self.choice.uniform(0.5, 4))

    def _command(self, command: tuple[str, ...]) -> None:
        restarts = self.world.restarts
        answer = self.world.kit(*command)
        said = f"{' '.join(command)}: {answer.returncode}"
        self.world.note(self.who, said)
        self.world.count(said)
        if answer.returncode == 0 or (
            "Traceback" not in answer.stderr and self._may_end(command, answer, restarts)
        ):
            return
        self.world.fail(self.who, f"{said}\n{answer.stdout[-8000:]}{answer.stderr[-4000:]}")

    def _may_end(self, command: tuple[str, ...], answer: Any, restarts: int) -> bool:
        if answer.returncode == 3 and (self.world.restarts > restarts or self.world.down):
            return True
        if answer.returncode in (2, 3) and any(name in answer.stderr for name in OVERTAKEN):
            return True
        if command == ("verify", "--all") and answer.returncode == 4 and all_told(answer.stdout, quiet=False):
            return True
        return command == ("doctor",) and answer.returncode == 1 and not self._lasting(answer.stdout)

    def _lasting(self, said: str) -> set[str]:
        """What doctor says again and again. It looks at one thing after the other, beside DDL."""
        lasting = unexpected(said)
        for _ in range(3):
            if lasting:
                lasting &= unexpected(self.world.kit("doctor").stdout)
        return lasting


OVERTAKEN = ("[lock-timeout]", "[plan-outdated]", "[absent-table]", "(SQLSTATE 42P01)")
"""What a command may end with where others change or rename tables beside it."""
EXPECTED = {"partitions", "default-partitions", "seal-lag", "objects", "sealer", "prepared-transactions"}
"""Checks of doctor that must fail now and then, since the soak leaves gaps, changes tables and waits."""


def unexpected(said: str) -> set[str]:
    """Lines of doctor that say FAIL about something that the soak does not do on purpose."""
    lines = [line.split() for line in said.splitlines() if line.startswith("FAIL")]
    # a new partition of an audited table gets its TRUNCATE triggers from apply
    return {
        " ".join(line)
        for line in lines
        if line[1] not in EXPECTED and not ("public.part_" in line[2] and "truncate" in line[4])
    }


class Restarter:
    """Ends the server, orderly or not."""

    def __init__(self, world: World, who: str, every: float) -> None:
        self.world, self.who, self.every = world, who, every
        self.choice = world.choices(who)
        self.crash = False

    def run(self) -> None:
        """Fast shutdowns and crashes by turns."""
        while not self.world.stop.wait(self.choice.uniform(self.every * 0.5, self.every * 1.5)):
            how = signal.SIGQUIT if self.crash else signal.SIGINT
            self.crash = not self.crash
            self.world.note(self.who, f"restart by {how.name}")
            self.world.restart(how)
            self.world.note(self.who, "it is back")
            self.world.count(f"restarts by {how.name}")

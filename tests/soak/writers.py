"""Writers: each does random transactions, and keeps account of what it committed."""

from __future__ import annotations

import random
from typing import Any

from psycopg import sql

from tests.soak.ledger import Transaction
from tests.soak.sessions import Session
from tests.soak.statements import ALLOWED, STATEMENTS, Step
from tests.soak.world import Connection, Unexpected, World

LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
NAMES = (
    "SELECT c.oid::bigint, n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n"
    " ON n.oid = c.relnamespace WHERE c.oid = ANY (%s::oid[])"
)


class Writer:
    """One connection's worth of random transactions."""

    def __init__(self, world: World, who: str, number: int) -> None:
        self.world, self.who = world, who
        self.choice = world.choices(who)
        self.base = number * 10_000_000
        self.fresh = 0
        self.gids = self.begun = 0
        self.session = Session(world, who, "SET lock_timeout = '10s'; SET search_path = ''")

    def run(self) -> None:
        """Transactions until the run ends."""
        while not self.world.stop.is_set():
            self.once()
            self.world.stop.wait(self.choice.uniform(0, self.world.pace))
        self.session.close()

    def once(self) -> bool:
        """One transaction; False where it failed as it may."""
        return self.session(self._transaction, ALLOWED)

    def _transaction(self, conn: Connection) -> None:
        choice = self.choice
        conn.execute(f"BEGIN ISOLATION LEVEL {choice.choices(LEVELS, (6, 2, 2))[0]}")
        row = conn.execute("SELECT txid_current()").fetchone()
        assert row is not None
        self.begun += 1
        transaction = self.world.ledger.open(row[0], self.who, f"{self.who} {self.begun}")
        conn.execute("INSERT INTO public.marks VALUES (%s)", [transaction.mark])
        conn.execute(
            "SELECT audit.set_context(actor_id => %s, action => %s)", [self.who, f"x{transaction.xid}"]
        )
        step = Step(self, conn, transaction, self._names(conn))
        for _ in range(choice.randint(1, 4)):
            self._statement(step)
        self._end(conn, transaction)

    def _statement(self, step: Step) -> None:
        """One statement, some within a savepoint that is kept or not."""
        statement = self.choice.choices([s.run for s in STATEMENTS], [s.weight for s in STATEMENTS])[0]
        if self.choice.random() < 0.7:
            self._do(step, statement)
            return
        mark, kept = len(step.transaction.changes), self.choice.random() < 0.5
        step.conn.execute("SAVEPOINT s")
        self._do(step, statement)
        if self.choice.random() < 0.3:
            step.conn.execute("SAVEPOINT s2")
            self._do(step, statement)
            step.conn.execute("RELEASE SAVEPOINT s2")
        step.conn.execute("RELEASE SAVEPOINT s" if kept else "ROLLBACK TO SAVEPOINT s")
        if not kept:
            del step.transaction.changes[mark:]

    def _do(self, step: Step, statement: Any) -> None:
        before = len(step.transaction.changes)
        statement(step)
        self.world.count(statement.__name__, 1)
        self.world.count("changes", len(step.transaction.changes) - before)

    def _end(self, conn: Connection, transaction: Transaction) -> None:
        dice = self.choice.random()
        self.world.note(self.who, f"{transaction.xid} {len(transaction.changes)} changes, ends {dice:.2f}")
        if dice < 0.08:
            self.gids += 1
            transaction.gid = f"{self.who}-{self.gids}"
            try:
                conn.execute(sql.SQL("PREPARE TRANSACTION {}").format(sql.Literal(transaction.gid)))
            finally:  # whether it was prepared is not known where the connection is lost
                self.world.prepared.put(transaction)
            self.world.count("prepared")
        elif dice < 0.2:
            conn.execute("ROLLBACK")
            transaction.outcome = "aborted"
            self.world.count("rolled back")
        else:
            conn.execute("COMMIT")
            transaction.outcome = "committed"
            self.world.count("committed")

    def _names(self, conn: Connection) -> dict[str, sql.Identifier]:
        """What the tables are called just now."""
        found = {
            oid: sql.Identifier(schema, name)
            for oid, schema, name in conn.execute(NAMES, [list(self.world.oids.values())])
        }
        missing = set(self.world.oids.values()) - set(found)
        if missing:
            raise Unexpected(f"tables are gone: {missing}")
        return {table: found[oid] for table, oid in self.world.oids.items()}

    def new_id(self) -> int:
        """A key that never was."""
        self.fresh += 1
        return self.base + 10_000 + self.fresh

    def own(self, choice: random.Random) -> list[int]:
        """Some keys that only this writer uses, others while a prepared transaction may hold some."""
        first = self.base + self.gids % 50 * 100
        return [first + number for number in sorted(choice.sample(range(40), choice.randint(1, 6)))]

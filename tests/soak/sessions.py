"""One thread's connection, through restarts and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from tests.soak.world import Connection, World


class Session:
    """A connection for one thread's work, made anew after each loss."""

    def __init__(self, world: World, who: str, setting: str) -> None:
        self.world, self.who, self.setting = world, who, setting
        self.conn: Connection | None = None
        self.restarts = 0

    def __call__(
        self, work: Callable[[Connection], Any], also: dict[str, str] | None = None, own: bool = False
    ) -> bool:
        """Does it; False where it failed as it may without the kit.

        `own`: it calls the kit's functions, which may give up waiting for a lock.
        """
        if self.conn is None:
            self.restarts = self.world.restarts
            self.conn = self.world.connect(self.who)
            self.conn.execute(self.setting)
        try:
            work(self.conn)
        except psycopg.Error as error:
            why = self.world.judge(error, self.restarts, also or {}, own=own)
            self.world.note(self.who, f"{why}: {str(error).splitlines()[0]}")
            self.world.count(f"{self.who.split('-')[0]}: {error.sqlstate} {why}")
            try:
                self.conn.rollback()
            except psycopg.OperationalError:
                self.conn.close()
            if self.conn.closed:
                self.conn = None
            return False
        return True

    def close(self) -> None:
        if self.conn is not None:
            self.conn.close()

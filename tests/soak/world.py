"""The database that a soak works on, its server, and what may go wrong there without the kit."""

from __future__ import annotations

import contextlib
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from pgaudit_kit.server import postmaster
from pgaudit_kit.server.cluster import Cluster
from tests.restore.clusters import Place, place
from tests.servers import find_servers
from tests.soak.ledger import Ledger, Transaction

Connection = psycopg.Connection[Any]

TABLES = ("doc", "part", "parent", "child", "mover", "mood", "scratch", "mass")
"""`mass` is declared bulk: its INSERT and DELETE are recorded by statement."""
LOOSE = (4, 5)
"""Partitions of `part` that are detached, attached and dropped."""
SHARED = 12
"""Rows 1 to this number of doc, mover and mood are everybody's."""
SCHEMA = """
    CREATE SCHEMA other;
    CREATE TABLE public.marks (mark text PRIMARY KEY);
    CREATE TYPE public.feeling AS ENUM ('m0', 'm1', 'm2');
    CREATE TABLE public.doc (id bigint PRIMARY KEY, tenant text, n int, v text, email text);
    CREATE TABLE public.part (id bigint, tenant text, n int, v text, bucket int, PRIMARY KEY (id, bucket))
        PARTITION BY LIST (bucket);
    CREATE TABLE public.parent (id bigint PRIMARY KEY, tenant text, n int, v text);
    CREATE TABLE public.child (id bigint PRIMARY KEY, tenant text, n int, v text,
        parent_id bigint REFERENCES public.parent ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE INDEX child_parent_id_idx ON public.child (parent_id);
    CREATE TABLE public.mover (id bigint PRIMARY KEY, tenant text, n int, v text);
    CREATE TABLE public.mood (id bigint PRIMARY KEY, tenant text, n int, v text, feel public.feeling);
    CREATE TABLE public.scratch (id bigint PRIMARY KEY, tenant text, n int, v text);
    CREATE TABLE public.mass (id bigint PRIMARY KEY, tenant text, n int, v text);
"""
ANYWHERE = {
    "40001": "serialization failure",
    "40P01": "deadlock",
    "55P03": "lock timeout",
}
LOST = {None: "connection lost", "57P01": "shutdown", "57P02": "crash", "57P03": "starting up"}


class Unexpected(AssertionError):
    """What would not have happened without the kit."""


@dataclass
class World:
    """One server with one audited database, and everything that its threads share."""

    place: Place
    cluster: Cluster
    seed: int
    pace: float
    """How long a writer rests between two transactions, at most, in seconds."""
    log: Path
    stop: threading.Event = field(default_factory=threading.Event)
    writers_done: threading.Event = field(default_factory=threading.Event)
    prepared: queue.SimpleQueue[Transaction] = field(default_factory=queue.SimpleQueue)
    ledger: Ledger = field(default_factory=Ledger)
    done: Counter[str] = field(default_factory=Counter)
    """How often what happened."""
    failed: list[str] = field(default_factory=list)
    oids: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    down: bool = False
    major: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._file = self.log.open("w", encoding="utf-8")
        self._stack = contextlib.ExitStack()

    def start(self) -> None:
        """Starts the server."""
        # what was told to be committed must survive a crash
        settings = {
            "synchronous_commit": "on", "shared_buffers": "64MB", "autovacuum": "on",
            "max_prepared_transactions": "100",
        }  # fmt: skip
        self._stack.enter_context(self.place.running(self.cluster, settings))
        self.down = False

    def restart(self, how: signal.Signals) -> None:
        """Ends the server so and starts it again."""
        self.restarts += 1
        self.down = True
        server = postmaster.running(self.cluster.data_dir)
        assert server is not None
        postmaster.interrupt(server.pid, self.cluster.data_dir, how)
        self._stack.close()
        self.start()

    def close(self) -> None:
        """Ends the server for good, and with it whoever still waits for something."""
        self.stop.set()
        self.writers_done.set()
        self._stack.close()
        self._file.close()

    def note(self, who: str, what: str) -> None:
        """One line of the step log."""
        with self._lock:
            self._file.write(f"{time.monotonic() - self._began:9.3f} {who:12} {what}\n")
            self._file.flush()

    def count(self, what: str, number: int = 1) -> None:
        """Count something that happened."""
        with self._lock:
            self.done[what] += number

    def fail(self, who: str, what: str) -> None:
        """Remember what must not be, and end the run."""
        self.note(who, f"FAILED {what}")
        with self._lock:
            self.failed.append(f"{who}: {what}")
        self.stop.set()

    def connect(self, who: str) -> Connection:
        """A connection as soon as the server takes one."""
        while True:
            restarts, down = self.restarts, self.down
            try:
                conn = psycopg.connect(
                    self.cluster.dsn(), autocommit=True, application_name=who, prepare_threshold=3
                )
            except psycopg.OperationalError:
                if (restarts == self.restarts and not down) or self.failed:
                    raise
                time.sleep(0.05)
            else:
                return conn

    def judge(self, error: psycopg.Error, restarts: int, also: dict[str, str], *, own: bool) -> str:
        """Says what went wrong, if it may go wrong without the kit too."""
        state, context = error.sqlstate, error.diag.context or ""
        if state in LOST and (self.restarts > restarts or self.down):
            return LOST[state]
        said = f"{state} {type(error).__name__}: {error}"
        if state == "40001":  # noticed wherever the transaction happens to be
            return ANYWHERE[state]
        if "audit." in context and not (own and state in ANYWHERE):
            raise Unexpected(f"{said}\n{context}") from error
        if state in ANYWHERE or state in also:
            return ANYWHERE.get(state or "") or also[state or ""]
        raise Unexpected(said) from error

    def kit(self, *args: str) -> subprocess.CompletedProcess[str]:
        """pgaudit-kit in a process of its own, as threads share their output."""
        command = [sys.executable, "-m", "pgaudit_kit", "--dsn", self.cluster.dsn(), *args]
        return subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)

    def choices(self, who: str) -> random.Random:
        """The thread's own choices, the same for the same seed."""
        return random.Random(f"{self.seed} {who}")

    def threads(self, works: dict[str, Callable[[], None]]) -> list[threading.Thread]:
        """Starts a thread for each."""

        def guarded(who: str, work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:
                self.fail(who, f"{type(error).__name__}: {error}")

        threads = [threading.Thread(target=guarded, args=item, name=item[0]) for item in works.items()]
        for thread in threads:
            thread.start()
        return threads


def build(world: World) -> None:
    """Makes the tables and has them audited."""
    with world.connect("build") as conn:
        world.major = conn.info.server_version // 10_000
        conn.execute(SCHEMA)
        for bucket in range(6):
            conn.execute(
                f"CREATE TABLE public.part_{bucket} PARTITION OF public.part FOR VALUES IN ({bucket})"
            )
        for table in ("doc", "mover", "mood"):
            rows = f"SELECT i, 'a', 0, 'shared' FROM generate_series(1, {SHARED}) AS i"
            conn.execute(f"INSERT INTO public.{table} {rows}")
        for args in (
            ["install", "--yes"],
            ["enable", "public.doc", "--tenant-column", "tenant", "--personal", "email"],
            ["enable", *(f"public.{name}" for name in TABLES[1:-1]), "--tenant-column", "tenant"],
            ["enable", "public.mass", "--tenant-column", "tenant", "--bulk"],
        ):
            answer = world.kit(*args)
            assert answer.returncode == 0, answer.stderr + answer.stdout
        for name in TABLES:
            row = conn.execute("SELECT %s::regclass::oid::bigint", [f"public.{name}"]).fetchone()
            assert row is not None
            world.oids[name] = row[0]


def drop_partitions(world: World) -> None:
    """Leaves the log nothing but its default partitions, with something in them."""
    with world.connect("gap") as conn:
        conn.execute(
            "INSERT INTO public.doc VALUES (-1, 'a', 0, 'first', 'me@example.org'); SELECT audit.seal()"
        )
        query = (
            "SELECT b.relation::text FROM audit.partitioned_tables() AS t (p),"
            " audit.partition_bounds(t.p) AS b"
        )
        for (name,) in conn.execute(query).fetchall():
            parent = name.rpartition("_p")[0]  # what is there already goes to the default partition
            conn.execute(
                f"CREATE TEMP TABLE kept AS SELECT * FROM {name}; DROP TABLE {name};"
                f"INSERT INTO {parent} SELECT * FROM kept; DROP TABLE kept"
            )


@contextlib.contextmanager
def made(server: str, seed: int, *, pace: float) -> Iterator[World]:
    """A server with an audited database; its step log and its own stay where the run failed."""
    log = Path(tempfile.gettempdir()) / f"pgaudit-kit-soak-{server}-{seed}.log"
    with place(find_servers().binaries[server]) as here:
        world = World(here, here.initialize("soak"), seed, pace, log)
        world.start()
        try:
            build(world)
            drop_partitions(world)
            yield world
        finally:
            world.close()
            if world.failed:
                shutil.copy(world.cluster.log_file, log.with_suffix(".server.log"))
            else:
                log.unlink(missing_ok=True)

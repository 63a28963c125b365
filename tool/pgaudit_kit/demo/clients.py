"""The application's users at work: several connections at once, each saying who acts and what is meant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from pgaudit_kit.db import Connection
from pgaudit_kit.demo.cms import TENANTS, connect_application, email

CLIENTS_PER_TENANT = 2
ROUNDS = 30
STEPS = 9  # transactions in a round
CLIENTS = len(TENANTS) * CLIENTS_PER_TENANT
TRANSACTIONS = CLIENTS * ROUNDS * STEPS

SET_CONTEXT = """
SELECT audit.set_context(
    actor_id => %(actor)s, action => %(action)s, request_id => %(request)s, client_app => 'cms-web',
    ip => %(ip)s, user_agent => 'Mozilla/5.0 (demo)'
)
"""


@dataclass(slots=True)
class Tally:
    """What clients did: the rows that the server said they wrote, and in which requests."""

    rows: int = 0
    requests: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another client's work too."""
        self.rows += other.rows
        self.requests += other.requests


@dataclass(slots=True)
class Work:
    """Everything the clients did, by what became of it."""

    committed: Tally = field(default_factory=Tally)
    unchanged: Tally = field(default_factory=Tally)
    undone: Tally = field(default_factory=Tally)

    def add(self, other: Work) -> None:
        """Count another client's work too."""
        self.committed.add(other.committed)
        self.unchanged.add(other.unchanged)
        self.undone.add(other.undone)


@contextmanager
def acting(conn: Connection, actor: str, action: str, request: str, ip: str) -> Iterator[None]:
    """A transaction in which everything is done by this actor."""
    with conn.transaction():
        conn.execute(SET_CONTEXT, {"actor": actor, "action": action, "request": request, "ip": ip})
        yield


@dataclass(slots=True)
class Crowd:
    """Clients that work at once; `with_language` is set once articles have a column of that name."""

    dsn: str
    with_language: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, halfway: Callable[[], object], progress: Callable[[int], None]) -> Work:
        """Let all clients work to their end; calls `halfway` while they do."""
        names = [(tenant, number) for tenant in TENANTS for number in range(1, CLIENTS_PER_TENANT + 1)]
        with ThreadPoolExecutor(len(names)) as pool:
            clients = [pool.submit(Client(self, tenant, number).run) for tenant, number in names]
            try:
                self._watch(clients, TRANSACTIONS // 2, progress)
                halfway()
                self.with_language.set()
                self._watch(clients, TRANSACTIONS, progress)
            finally:
                self.stop.set()  # only matters where something went wrong
        total = Work()
        for client in clients:
            total.add(client.result())
        return total

    def step(self) -> bool:
        """Count one transaction; False where the client should stop."""
        with self._lock:
            self.done += 1
        return not self.stop.is_set()

    def _watch(self, clients: list[Future[Work]], until: int, progress: Callable[[int], None]) -> None:
        while self.done < until:
            finished, pending = wait(clients, timeout=0.05, return_when=FIRST_EXCEPTION)
            progress(self.done)
            for client in finished:
                client.result()  # raises what went wrong in it
            if not pending:
                break


class Client:
    """One of the application's connections, working for one tenant."""

    def __init__(self, crowd: Crowd, tenant: str, number: int) -> None:
        self.crowd, self.tenant, self.number = crowd, tenant, number
        self.actor = email(tenant, number)
        self.ip = f"198.51.100.{TENANTS.index(tenant) * 10 + number}"
        self.work = Work()
        self.requests = 0

    def run(self) -> Work:
        """Do all rounds; returns what was done."""
        with connect_application(self.crowd.dsn) as conn:
            for number in range(ROUNDS):
                self._round(conn, number)
        return self.work

    def _round(self, conn: Connection, number: int) -> None:
        """Write an article, edit, publish, discuss and archive it; one save too many, one failure."""
        article = self._draft(conn, number)
        one = {"id": article, "tenant": self.tenant, "email": self.actor}
        steps: list[tuple[str, str, Tally]] = [
            (
                "edit",
                "UPDATE cms.articles SET body = body || ' Edited.' WHERE id = %(id)s",
                self.work.committed,
            ),
            (
                "publish",
                "UPDATE cms.articles SET status = 'published' WHERE id = %(id)s",
                self.work.committed,
            ),
            ("comment", INSERT_COMMENTS, self.work.committed),
            ("save", "UPDATE cms.articles SET title = title WHERE id = %(id)s", self.work.unchanged),
            ("comment", INSERT_COMMENTS, self.work.undone),
            ("reprice", "UPDATE cms.articles SET price = price + 1 WHERE id = %(id)s", self.work.committed),
            ("moderate", DELETE_COMMENT, self.work.committed),
            ("archive", "UPDATE cms.articles SET status = 'archived' WHERE id = %(id)s", self.work.committed),
        ]
        for action, query, tally in steps:
            if not self._one(conn, action, query, one, tally):
                return

    def _draft(self, conn: Connection, number: int) -> int:
        values = {"tenant": self.tenant, "email": self.actor, "title": f"Article {self.number}.{number}"}
        query = INSERT_ARTICLE_WITH_LANGUAGE if self.crowd.with_language.is_set() else INSERT_ARTICLE
        request = self._request()
        with acting(conn, self.actor, "draft", request, self.ip):
            row = conn.execute(query, values).fetchone()
        self.work.committed.add(Tally(1, [request]))
        self.crowd.step()
        return int(row[0]) if row else 0

    def _one(
        self, conn: Connection, action: str, query: str, values: dict[str, object], tally: Tally
    ) -> bool:
        request = self._request()
        with acting(conn, self.actor, action, request, self.ip):
            rows = conn.execute(query, values).rowcount
            if tally is self.work.undone:
                raise psycopg.Rollback
        tally.add(Tally(rows, [request]))
        return self.crowd.step()

    def _request(self) -> str:
        self.requests += 1
        return f"{self.tenant}-{self.number}-{self.requests}"


INSERT_ARTICLE = """
INSERT INTO cms.articles (tenant_id, title, body, price, author_email)
VALUES (%(tenant)s, %(title)s, 'Text.', 5, %(email)s) RETURNING id
"""
INSERT_ARTICLE_WITH_LANGUAGE = """
INSERT INTO cms.articles (tenant_id, title, body, price, author_email, language)
VALUES (%(tenant)s, %(title)s, 'Text.', 5, %(email)s, 'en') RETURNING id
"""
INSERT_COMMENTS = """
INSERT INTO cms.comments (tenant_id, article_id, author_email, body)
SELECT %(tenant)s, %(id)s, %(email)s, 'Comment ' || g FROM generate_series(1, 4) AS g
"""
DELETE_COMMENT = """
DELETE FROM cms.comments WHERE id = (SELECT min(id) FROM cms.comments WHERE article_id = %(id)s)
"""

"""The schemas in which a measurement works: made for it, named by chance, and gone afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgaudit_kit.db import Connection, run_ddl
from pgaudit_kit.errors import KitError
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.render import Templates
from pgaudit_kit.timeouts import Timeouts

_PREFIX = "pgaudit_kit_bench_"
_COMMENT = "Scratch of pgaudit-kit bench; whoever measures next removes it once that session has ended."


@dataclass(frozen=True, slots=True)
class Scratch:
    """The names that belong to one measurement."""

    name: str

    @classmethod
    def fresh(cls) -> Scratch:
        """A name that nobody can foresee."""
        return cls(_PREFIX + secrets.token_hex(6))

    @property
    def log(self) -> str:
        """The schema of the kit."""
        return f"{self.name}_log"

    @property
    def key(self) -> int:
        """Of the advisory lock that tells that the measurement is under way."""
        return int(self.name.removeprefix(_PREFIX), 16)

    def table(self, name: str) -> QualifiedName:
        """A table, or a procedure, beside the log."""
        return QualifiedName(self.name, name)

    @property
    def by_hand(self) -> str:
        """The SQL that removes it."""
        name, log = Ident(self.name).sql, Ident(self.log).sql
        return f"DROP SCHEMA IF EXISTS {log}, {name} CASCADE; DROP ROLE IF EXISTS {name};"


@contextmanager
def held(conn: Connection, scratch: Scratch) -> Iterator[bool]:
    """Hold the lock of this name for the block; false where a session that is at work holds it."""
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (scratch.key,)).fetchone()
    locked = bool(row and row[0])
    try:
        yield locked
    finally:
        if locked and not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (scratch.key,))


def create(conn: Connection, scratch: Scratch, *, own_role: bool, timeouts: Timeouts) -> None:
    """Make the schema of the copies, and where asked a role that owns the log as the kit's owner would."""

    def work(conn: Connection) -> None:
        if own_role:
            conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(scratch.name)))
        schema = sql.Identifier(scratch.name)
        conn.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        conn.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(schema, sql.Literal(_COMMENT)))
        close_to_others(conn, scratch.name)

    run_ddl(conn, work, timeouts=timeouts)


def close_to_others(conn: Connection, schema: str) -> None:
    """Take back what PUBLIC or default privileges may do in a schema: rows of the table are copied there."""
    grantees = conn.execute(
        "SELECT DISTINCT CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END"
        " FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a"
        " WHERE n.nspname = %s AND a.grantee <> n.nspowner",
        (schema,),
    ).fetchall()
    for (name,) in grantees:
        grantee = sql.SQL("PUBLIC") if name is None else sql.Identifier(name)
        conn.execute(
            sql.SQL("REVOKE ALL ON SCHEMA {} FROM {} CASCADE").format(sql.Identifier(schema), grantee)
        )


def drop(conn: Connection, scratch: Scratch, *, timeouts: Timeouts) -> None:
    """Take everything away, in one transaction."""

    def work(conn: Connection) -> None:
        name, log = sql.Identifier(scratch.name), sql.Identifier(scratch.log)
        conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {}, {} CASCADE").format(log, name))
        row = conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (scratch.name,)).fetchone()
        if row is not None:
            conn.execute(sql.SQL("DROP ROLE {}").format(name))

    run_ddl(conn, work, timeouts=timeouts)


def leftovers(conn: Connection, templates: Templates) -> list[Scratch]:
    """What measurements made here and did not take away yet; their sessions may be at work."""
    rows = conn.execute(templates.render("queries/bench/leftovers.sql").encode()).fetchall()
    return [Scratch(name) for (name,) in rows]


def remove_leftovers(
    conn: Connection, templates: Templates, *, timeouts: Timeouts
) -> tuple[list[str], list[str]]:
    """Drop what is left of measurements whose sessions are gone.

    Gives the names of what was dropped, and the SQL for what this role may not drop.
    """
    removed, refused = [], []
    for scratch in leftovers(conn, templates):
        with held(conn, scratch) as is_left:
            if not is_left:
                continue
            try:
                drop(conn, scratch, timeouts=timeouts)
                removed.append(scratch.name)
            except (KitError, psycopg.Error):
                refused.append(scratch.by_hand)
    return removed, refused

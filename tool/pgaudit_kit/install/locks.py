"""Locks of an installation: against other DDL while it is planned, against writers as briefly as can be."""

from __future__ import annotations

import time
from collections.abc import Iterable

from psycopg import sql

from pgaudit_kit.db import Connection
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.plan import Change
from pgaudit_kit.render import Roles


def become(conn: Connection, role: str | None) -> None:
    """Act as this role until told otherwise or the transaction ends; None: as whoever connected."""
    conn.execute("RESET ROLE" if role is None else sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def lock_against_ddl(conn: Connection, schema: str, tables: Iterable[QualifiedName]) -> None:
    """Keep others from altering the tables, and other installations from starting; writers go on.

    In the order of the names, so that two runs cannot deadlock.
    """
    settings = QualifiedName(schema, "settings")
    if _lockable(conn, settings):
        become(conn, Roles().owner)
        _lock(conn, settings, "SHARE ROW EXCLUSIVE")
        become(conn, None)
    for name in sorted(tables):
        if _lockable(conn, name):
            _lock(conn, name, "SHARE UPDATE EXCLUSIVE")


_AS_WRITERS = ("personal_keys", "personal_values", "change_events")
"""The order in which whoever records a change locks the log's tables, after those that are audited."""


def lock_against_writers(conn: Connection, schema: str, changes: Iterable[Change]) -> None:
    """Lock every table whose writers must wait, before the first step for which one must.

    In the order in which writers lock them, so that most need nothing that is locked here to come to their
    end. While it waits for the first lock it holds none that a writer could want. From then on the rest has
    to come in less than deadlock_timeout: else the deadlock detector might end a writer's transaction.
    """
    modes: dict[tuple[QualifiedName, bool], bool] = {}
    steps = list(changes)
    # a table that is handed to the kit's owner is not yet the owner's to lock
    others = {name for change in steps if not change.as_owner for name in change.blocks}
    for change in steps:
        for name in change.blocks:
            key = (name, change.as_owner and name not in others)
            shared = change.kind in ("trigger", "tenants") and change.op != "drop"
            modes[key] = modes.get(key, False) or not shared
    limit = _milliseconds(conn, "lock_timeout")
    patience = int(_milliseconds(conn, "deadlock_timeout") * 0.8)
    started = None
    for (name, as_owner), exclusive in sorted(modes.items(), key=lambda item: _rank(schema, item[0])):
        if not _lockable(conn, name):
            continue
        if started is not None:
            left = patience - int((time.monotonic() - started) * 1000)
            _limit(conn, max(1, min(left, limit or left)))
        become(conn, Roles().owner if as_owner else None)
        _lock(conn, name, "ACCESS EXCLUSIVE" if exclusive else "SHARE ROW EXCLUSIVE")
        started = started or time.monotonic()
    become(conn, None)
    _limit(conn, limit)


def _rank(schema: str, key: tuple[QualifiedName, bool]) -> tuple[int, tuple[QualifiedName, bool]]:
    name = key[0]
    if name.schema != schema:
        return 0, key
    return 1 + (_AS_WRITERS.index(name.name) if name.name in _AS_WRITERS else len(_AS_WRITERS)), key


def _lock(conn: Connection, name: QualifiedName, mode: str) -> None:
    statement = sql.SQL("LOCK TABLE {} IN {} MODE").format(
        sql.Identifier(name.schema, name.name), sql.SQL(mode)
    )
    conn.execute(statement)


def _lockable(conn: Connection, name: QualifiedName) -> bool:
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p'))",
        (name.schema, name.name),
    ).fetchone()
    return row is not None and bool(row[0])


def _milliseconds(conn: Connection, setting: str) -> int:
    row = conn.execute("SELECT setting::integer FROM pg_settings WHERE name = %s", (setting,)).fetchone()
    return row[0] if row else 0


def _limit(conn: Connection, milliseconds: int) -> None:
    conn.execute("SELECT set_config('lock_timeout', %s, true)", (str(milliseconds),))

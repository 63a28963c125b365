"""Audited databases that subscribe to each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from psycopg import sql

from pgaudit_kit.server.postmaster import wait_until
from tests.restore.story import build, recorded
from tests.sealing import one, seal_all
from tests.servers import Database, PgServer, unique

TABLES = 'public.doc, public.part, "My S"."T"'
NOT_READY = "SELECT count(*) FROM pg_subscription_rel AS r WHERE r.srsubstate <> 'r'"
OTHERWISE = """
    SELECT v.event_id, v.operation, v.db_user, v.application_name, v.actor_id, v.context
    FROM audit.events AS v
    WHERE v.event_id > %s AND v.operation <> 'CONTROL'
        AND (v.application_name, v.db_user) IS DISTINCT FROM (%s, 'postgres')
"""
"""What a subscription of the superuser's did not do."""
UNLIKE = """
    SELECT e.event_id FROM audit.change_events AS e
    INNER JOIN public.doc AS d ON d.id::text = e.record_key
    INNER JOIN audit.audited_tables AS t ON t.table_id = e.table_id AND t.relation = 'public.doc'::regclass
    WHERE e.event_id > %s AND e.operation IN ('I', 'U')
        AND NOT EXISTS (SELECT FROM audit.change_events AS n WHERE n.table_id = e.table_id
            AND n.record_key = e.record_key AND n.event_id > e.event_id)
        AND e.row_xmin <> d.xmin
"""
"""Newest events of a row whose row_xmin is not the row's."""


@contextlib.contextmanager
def filled(server: PgServer) -> Iterator[Database]:
    """Audited, with rows."""
    with server.database(server.template("restore", build)) as db:
        yield db


@contextlib.contextmanager
def emptied(server: PgServer) -> Iterator[Database]:
    """Audited, with the same tables, empty."""
    with filled(server) as db:
        db.execute(f"TRUNCATE {TABLES}")
        seal_all(db)
        yield db


@contextlib.contextmanager
def subscribed(
    publisher: Database, subscriber: Database, publication: str, options: str = ""
) -> Iterator[str]:
    """The subscription, for the block. Within one cluster the slot must be there first."""
    name = unique("sub")
    publisher.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
    create = (
        "CREATE SUBSCRIPTION {0} CONNECTION {1} PUBLICATION {2}"
        f" WITH (create_slot = false, slot_name = {{0}}{options})"
    )
    names = sql.Identifier(name), sql.Literal(publisher.dsn), sql.Identifier(publication)
    subscriber.execute(sql.SQL(create).format(*names))
    try:
        yield name
    finally:
        for statement in (
            "ALTER SUBSCRIPTION {} DISABLE",
            "ALTER SUBSCRIPTION {} SET (slot_name = NONE)",
            "DROP SUBSCRIPTION {}",
        ):
            subscriber.execute(sql.SQL(statement).format(sql.Identifier(name)))


def await_recorded(db: Database, after: int, number: int) -> list[tuple[str, str, str]]:
    """What was recorded, once that many events are there."""
    assert wait_until(lambda: len(recorded(db, after)) >= number, 60), recorded(db, after)
    return recorded(db, after)


def await_ready(db: Database) -> None:
    """Until the first copy of every table is done."""
    assert wait_until(lambda: one(db, NOT_READY) == 0, 60)


def assert_named(db: Database, after: int, name: str) -> None:
    """Each event says which subscription brought it, and has the xmin of the row that arrived."""
    assert db.execute(OTHERWISE, [after, name]).fetchall() == []
    assert db.execute(UNLIKE, [after]).fetchall() == []

"""Logical replication: what arrives is recorded where it arrives, and each server keeps its own log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from psycopg import sql

from pgaudit_kit.server.postmaster import wait_until
from tests.kit import Kit
from tests.restore.story import WORK, build, newest, recorded, work
from tests.sealing import assert_sound, one, seal_all, sealed_once
from tests.servers import Database, PgServer, unique

TABLES = 'public.doc, public.part, "My S"."T"'
NOT_READY = "SELECT count(*) FROM pg_subscription_rel AS r WHERE r.srsubstate <> 'r'"


@pytest.fixture
def publisher(server: PgServer) -> Iterator[Database]:
    """Audited, with rows."""
    with server.database(server.template("restore", build)) as db:
        yield db


@pytest.fixture
def subscriber(server: PgServer) -> Iterator[Database]:
    """Audited, with the same tables, empty."""
    with server.database(server.template("restore", build)) as db:
        db.execute(f"TRUNCATE {TABLES}")
        seal_all(db)
        yield db


@contextlib.contextmanager
def subscribed(publisher: Database, subscriber: Database, publication: str) -> Iterator[str]:
    """The subscription, for the block. Within one cluster the slot must be there first."""
    name = unique("sub")
    publisher.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
    create = (
        "CREATE SUBSCRIPTION {0} CONNECTION {1} PUBLICATION {2} WITH (create_slot = false, slot_name = {0})"
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
    assert wait_until(lambda: len(recorded(db, after)) >= number, 60), recorded(db, after)
    return recorded(db, after)


def test_a_subscriber_records_what_arrives(publisher: Database, subscriber: Database):
    publisher.execute(f"CREATE PUBLICATION p FOR TABLE {TABLES} WITH (publish_via_partition_root = true)")
    before = newest(subscriber)
    with subscribed(publisher, subscriber, "p"):
        copied = await_recorded(subscriber, before, 6)
        assert sorted(copied) == sorted(
            2 * [(table, "INSERT", "default" if "My S" in table else "t") for table in TABLES.split(", ")]
        )
        assert wait_until(lambda: one(subscriber, NOT_READY) == 0, 60)
        synced = newest(subscriber)
        work(publisher, 30)
        assert await_recorded(subscriber, synced, len(WORK)) == WORK
        streamed = newest(subscriber)
        publisher.execute("TRUNCATE public.doc")
        assert await_recorded(subscriber, streamed, 1) == [("public.doc", "TRUNCATE", "default")]
        seal_all(subscriber)
        work(publisher, 40)
        await_recorded(subscriber, streamed, 1 + len(WORK))
    for db in (publisher, subscriber):
        seal_all(db)
        assert_sound(db)
        assert sealed_once(db)
        Kit(db.dsn)("verify", "--all")


def test_all_tables_published_hinders_no_maintenance(publisher: Database):
    """PostgreSQL refuses DELETE on a published table without a primary key, even of no rows."""
    publisher.execute("CREATE PUBLICATION p FOR ALL TABLES")
    publisher.execute(
        "INSERT INTO audit.change_events_default"
        " (event_id, occurred_at, transaction_id, operation, tenant_id)"
        " VALUES (nextval('audit.event_id_seq'), '2020-01-01', txid_current(), 'C', '_system')"
    )
    assert one(publisher, "SELECT audit.maintain_partitions(now() + interval '3 days')") > 0
    assert one(publisher, "SELECT audit.move_default_rows()") == 1
    assert "Publication p holds" in Kit(publisher.dsn)("doctor").out


def test_a_published_log_is_told_on_both_sides(publisher: Database, subscriber: Database):
    """From 16 on PostgreSQL itself lets nothing replicate into tables with forced row security."""
    publisher.execute("CREATE PUBLICATION p FOR ALL TABLES")
    with subscribed(publisher, subscriber, "p") as name:
        assert f"Subscription {name} writes another server's log" in Kit(subscriber.dsn)("doctor", code=1).out
    assert "Publication p holds" in Kit(publisher.dsn)("doctor").out
    assert "Subscription" not in Kit(subscriber.dsn)("doctor").out

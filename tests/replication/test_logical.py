"""Logical replication: what arrives is recorded where it arrives, and each server keeps its own log."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.kit import Kit
from tests.replication.subscriptions import (
    TABLES,
    assert_named,
    await_ready,
    await_recorded,
    emptied,
    filled,
    subscribed,
)
from tests.restore.story import WORK, newest, work
from tests.sealing import assert_sound, one, seal_all, sealed_once
from tests.servers import Database, PgServer


@pytest.fixture
def publisher(server: PgServer) -> Iterator[Database]:
    """Audited, with rows."""
    with filled(server) as db:
        yield db


@pytest.fixture
def subscriber(server: PgServer) -> Iterator[Database]:
    """Audited, with the same tables, empty."""
    with emptied(server) as db:
        yield db


def test_a_subscriber_records_what_arrives(publisher: Database, subscriber: Database):
    publisher.execute(f"CREATE PUBLICATION p FOR TABLE {TABLES} WITH (publish_via_partition_root = true)")
    before = newest(subscriber)
    with subscribed(publisher, subscriber, "p") as name:
        copied = await_recorded(subscriber, before, 6)
        assert sorted(copied) == sorted(
            2 * [(table, "INSERT", "default" if "My S" in table else "t") for table in TABLES.split(", ")]
        )
        await_ready(subscriber)
        synced = newest(subscriber)
        work(publisher, 30)
        assert await_recorded(subscriber, synced, len(WORK)) == WORK
        streamed = newest(subscriber)
        publisher.execute("TRUNCATE public.doc")
        assert await_recorded(subscriber, streamed, 1) == [("public.doc", "TRUNCATE", "default")]
        seal_all(subscriber)
        work(publisher, 40)
        await_recorded(subscriber, streamed, 1 + len(WORK))
        assert_named(subscriber, before, name)
    for db in (publisher, subscriber):
        seal_all(db)
        assert_sound(db)
        assert sealed_once(db)
        Kit(db.dsn)("verify", "--all")


def test_tables_that_are_published_later_and_rows_without_identity(publisher: Database, subscriber: Database):
    """Partitions as tables of their own, old rows as a whole, and inserts alone."""
    publisher.execute("CREATE PUBLICATION p FOR TABLE public.part")
    publisher.execute("ALTER TABLE public.doc REPLICA IDENTITY FULL")
    before = newest(subscriber)
    with subscribed(publisher, subscriber, "p") as name:
        await_ready(subscriber)
        assert await_recorded(subscriber, before, 2) == 2 * [("public.part", "INSERT", "t")]
        refreshed = newest(subscriber)
        publisher.execute('ALTER PUBLICATION p ADD TABLE public.doc, "My S"."T"')
        subscriber.execute(f"ALTER SUBSCRIPTION {name} REFRESH PUBLICATION")
        await_ready(subscriber)
        await_recorded(subscriber, refreshed, 4)
        streamed = newest(subscriber)
        publisher.execute("ALTER PUBLICATION p SET (publish = 'insert')")
        publisher.execute('ALTER TABLE "My S"."T" REPLICA IDENTITY NOTHING')
        publisher.execute("""INSERT INTO "My S"."T" VALUES ('nothing', '{1}')""")
        publisher.execute('ALTER PUBLICATION p DROP TABLE "My S"."T"')
        publisher.execute("ALTER PUBLICATION p SET (publish = 'insert, update, delete')")
        work(publisher, 30)
        publisher.execute("DELETE FROM public.doc WHERE id = 30")
        assert await_recorded(subscriber, streamed, 7) == [
            ('"My S"."T"', "INSERT", "default"), *WORK[:-1], ("public.doc", "DELETE", "t"),
        ]  # fmt: skip
        assert_named(subscriber, before, name)
    seal_all(subscriber)
    assert sealed_once(subscriber)
    Kit(subscriber.dsn)("verify", "--all")


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


def test_a_published_log_is_told_on_both_sides_with_the_way_out(publisher: Database, subscriber: Database):
    """From 16 on PostgreSQL itself lets nothing replicate into tables with forced row security."""
    publisher.execute("CREATE PUBLICATION p FOR ALL TABLES")
    before = newest(subscriber)
    with subscribed(publisher, subscriber, "p") as name:
        assert f"Subscription {name} writes another server's log" in Kit(subscriber.dsn)("doctor", code=1).out
        said = Kit(publisher.dsn)("doctor").out
        assert "Publication p holds" in said
        if publisher.server.major < 15:
            return
        remedy = re.search(r"CREATE PUBLICATION \S+ FOR TABLES IN SCHEMA [^;]+;", said)
        assert remedy is not None, said
        publisher.execute(remedy[0])
        subscriber.execute(f"ALTER SUBSCRIPTION {name} SET PUBLICATION {remedy[0].split()[2]}")
        assert "Subscription" not in Kit(subscriber.dsn)("doctor").out
        await_ready(subscriber)
        work(publisher, 30)
        assert await_recorded(subscriber, before, 6 + len(WORK))[-len(WORK) :] == WORK


def test_a_bulk_table_misses_what_apply_workers_write_and_doctor_warns(
    publisher: Database, subscriber: Database
):
    """If this fails because the rows are recorded, the warning and the documentation can go."""
    Kit(subscriber.dsn)("enable", "public.doc", "--tenant-column", "tenant", "--bulk")
    publisher.execute("CREATE PUBLICATION p FOR TABLE public.doc")
    before = newest(subscriber)
    with subscribed(publisher, subscriber, "p") as name:
        await_ready(subscriber)
        copied = await_recorded(subscriber, before, 2)
        assert {operation for _, operation, _ in copied} == {"INSERT"}, "the initial copy is a COPY"
        said = " ".join(Kit(subscriber.dsn)("doctor").out.split())
        assert f"public.doc is bulk: what subscription {name} inserts and deletes goes unrecorded." in said
        synced = newest(subscriber)
        work(publisher, 30)
        wanted = [item for item in WORK if item[0] == "public.doc" and item[1] == "UPDATE"]
        assert wanted
        assert [item[:2] for item in await_recorded(subscriber, synced, len(wanted))] == [
            item[:2] for item in wanted
        ]

"""Servers that are publisher and subscriber at once: each log has each change once."""

from __future__ import annotations

import contextlib

from tests.kit import Kit
from tests.replication.subscriptions import (
    TABLES,
    assert_named,
    await_ready,
    await_recorded,
    emptied,
    subscribed,
)
from tests.restore.story import WORK, newest, recorded, work
from tests.sealing import assert_sound, seal_all, sealed_once
from tests.servers import Database, PgServer

PUBLISH = f"CREATE PUBLICATION p FOR TABLE {TABLES} WITH (publish_via_partition_root = true)"


def assert_proved(*databases: Database) -> None:
    for db in databases:
        seal_all(db)
        assert_sound(db)
        assert sealed_once(db)
        Kit(db.dsn)("verify", "--all")
        Kit(db.dsn)("plan", "--exit-code")


def test_a_change_goes_down_a_chain_and_is_recorded_on_each_server(server: PgServer):
    with emptied(server) as first, emptied(server) as middle, emptied(server) as last:
        for db in (first, middle):
            db.execute(PUBLISH)
        before = newest(first)
        with subscribed(first, middle, "p") as upper, subscribed(middle, last, "p") as lower:
            for db in (middle, last):
                await_ready(db)
            work(first, 30)
            for db, name in ((middle, upper), (last, lower)):
                assert await_recorded(db, before, len(WORK)) == WORK
                assert_named(db, before, name)
            work(middle, 40)
            assert await_recorded(last, before, 2 * len(WORK)) == 2 * WORK
        assert recorded(first, before) == WORK
        assert_proved(first, middle, last)


def test_two_servers_that_replicate_to_each_other_record_each_change_once(server: PgServer):
    """From 16 on, with origin = none: what arrived is not sent on."""
    if server.major < 16:
        return
    options = ", origin = none, copy_data = false"
    with emptied(server) as one, emptied(server) as other, contextlib.ExitStack() as stack:
        for db in (one, other):
            db.execute(PUBLISH)
        before = newest(one)
        names = [
            stack.enter_context(subscribed(one, other, "p", options)),
            stack.enter_context(subscribed(other, one, "p", options)),
        ]
        work(one, 30)
        assert await_recorded(other, before, len(WORK)) == WORK
        assert_named(other, before, names[0])
        arrived = newest(one)
        work(other, 40)
        assert await_recorded(one, arrived, len(WORK)) == WORK
        assert_named(one, arrived, names[1])
        for db, peer in ((one, other), (other, one)):  # after all that would be sent back
            seen = len(recorded(peer, before))
            db.execute(f"TRUNCATE {TABLES}")
            await_recorded(peer, before, seen + 3)
        for db in (one, other):
            assert [event for event in recorded(db, before) if event[1] != "TRUNCATE"] == 2 * WORK
        assert_proved(one, other)

"""Regions that list tables instead of tenants: personal values follow the table of their event."""

from __future__ import annotations

import pytest

from tests.regions.conftest import Log
from tests.regions.placement import TABLES, assert_guarded, lines, parts, personal, work
from tests.sealing import assert_sound, one, seal_all

pytestmark = pytest.mark.any_server


def of_tables(space: str, *names: str) -> str:
    return f"[[regions]]\nname = 'eu'\ntablespace = '{space}'\ntables = {list(names)}\n{TABLES}"


def assert_placed_by_table(log: Log, table: str) -> None:
    """What was recorded of the table lies in the tablespace, and nothing else does."""
    number = one(
        log.db,
        "SELECT min(table_id) FROM audit.table_versions WHERE schema_name || '.' || table_name = %s",
        [table],
    )
    held = set()
    for leaf, _, spaces in parts(log.db):
        of_events = "LEFT JOIN audit.change_events AS e USING (event_id, occurred_at)"
        found = log.db.execute(
            f"SELECT DISTINCT e.table_id = {number} FROM {leaf} AS d {of_events}"
        ).fetchall()
        if log.space in spaces:
            assert spaces == {log.space}, leaf
            assert found in ([], [(True,)]), leaf
            held |= {leaf.split("_p2")[0] for _ in found}
        else:
            assert (True,) not in found, leaf
    assert held >= {"audit.change_events", "audit.personal_values"}


def test_what_was_recorded_of_a_table_lies_in_its_region(log: Log) -> None:
    db = log.db
    seal_all(db)
    before, kept_apart = lines(db), personal(db)
    log.kit.declare(of_tables(log.space, "public.person"))
    log.kit("apply", "--yes")
    assert log.kit.plan() == []
    assert_placed_by_table(log, "public.person")
    now = lines(db)
    assert {number: now[number] for number in before} == before
    assert personal(db) == kept_apart
    with db.transaction():
        db.execute("SELECT audit.set_context(actor_id => 'carl', ip => '10.0.0.1')")
        work(db, 2)
    log.kit("enable", "public.doc", "--tenant-column", "tenant", "--personal", "email", "--baseline")
    assert_placed_by_table(log, "public.person")
    assert_guarded(db)

    log.kit.declare(of_tables(log.space, "public.doc"))
    log.kit("apply", "--yes")
    assert log.kit.plan() == []
    assert_placed_by_table(log, "public.doc")
    seal_all(db)
    assert_sound(db)
    log.kit("verify", "--all")

    log.kit.declare(TABLES)
    log.kit("apply", "--yes")
    work(db, 3)
    log.kit.declare(of_tables(log.space, "public.person"))
    log.kit("apply", "--yes")
    assert_placed_by_table(log, "public.person")
    assert "public.person" in log.kit("status").out
    seal_all(db)
    assert_sound(db)
    log.kit("verify", "--all")


def test_a_region_of_a_table_that_is_not_audited_is_refused(log: Log) -> None:
    log.db.execute("CREATE TABLE public.free (id int PRIMARY KEY)")
    log.kit.declare(of_tables(log.space, "public.person", "public.free"))
    said = log.kit("plan", code=2).err
    assert "public.free is not audited" in said
    assert "regions[0].tables" in said

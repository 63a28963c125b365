"""Rows of a region's tenants lie in its tablespace and nowhere else, whatever is done to the log."""

from __future__ import annotations

import pytest
from psycopg import errors, sql

from tests.regions.conftest import Log
from tests.regions.placement import (
    ROOTS,
    assert_guarded,
    assert_placed,
    eu,
    lines,
    personal,
    regions,
    work,
)
from tests.sealing import assert_sound, one, seal_all
from tests.servers import connect

LATER = "clock_timestamp() + interval '2 minutes'"


def verify(log: Log) -> None:
    seal_all(log.db)
    assert_sound(log.db)
    log.kit("verify", "--all")


def catch_everything_in_the_default_partition(log: Log) -> None:
    """As if maintenance had not run for long: every row in the default partitions, no others there."""
    for root in ROOTS:
        partitions = log.db.execute(
            "SELECT relation::text FROM audit.partition_bounds(%s::regclass)", [f"audit.{root}"]
        ).fetchall()
        for (partition,) in partitions:
            log.db.execute(f"ALTER TABLE audit.{root} DETACH PARTITION {partition}")
        # what a session knows of the parts of a default partition it does not look up again after a DETACH
        for (part,) in log.db.execute(
            "SELECT relid::text FROM pg_partition_tree(%s) WHERE isleaf", [f"audit.{root}_default"]
        ).fetchall():
            log.db.execute(f"ALTER TABLE {part} SET (fillfactor = 100)")
            log.db.execute(f"ALTER TABLE {part} RESET (fillfactor)")
        for (partition,) in partitions:
            log.db.execute(f"INSERT INTO audit.{root} SELECT (r).* FROM {partition} AS r")
            log.db.execute(f"DROP TABLE {partition}")


def test_rows_of_a_region_lie_in_its_tablespace_alone(log: Log) -> None:
    db = log.db
    log.kit.declare(regions(eu(log.space)).replace("bulk = true", ""))
    seal_all(db)
    before, kept_apart = lines(db), personal(db)
    assert "declared; writers wait while what is written to now is copied" in log.kit.reasons()
    log.kit("apply", "--yes")
    assert log.kit.plan() == []
    assert_placed(db, log.space)
    assert_guarded(db)
    now = lines(db)
    assert {number: now[number] for number in before} == before
    assert personal(db) == kept_apart
    verify(log)

    log.kit.declare(regions(eu(log.space)))  # by statement from here on, for one of the tables
    log.kit("apply", "--yes")
    work(db, 2)
    assert_placed(db, log.space)

    catch_everything_in_the_default_partition(log)
    work(db, 3)
    assert_placed(db, log.space)
    while one(db, f"SELECT audit.move_default_rows(100, {LATER})"):
        assert_placed(db, log.space)
    db.execute(f"SELECT audit.maintain_partitions({LATER})")
    work(db, 4)
    assert_placed(db, log.space)
    assert_guarded(db)

    for root in ROOTS:
        db.execute(f"VACUUM FULL audit.{root}")
    assert_placed(db, log.space)
    verify(log)
    doctor = log.kit("doctor", "--json").json
    assert [check for check in doctor["checks"] if check["level"] == "fail"] == []
    assert log.kit.plan() == []


def test_a_day_that_is_detached_stays_where_it_is(log: Log) -> None:
    db = log.db
    log.kit.declare(regions(eu(log.space), f"name = 'world'\ntablespace = '{log.other}'"))
    log.kit("apply", "--yes")
    verify(log)
    oldest = {
        root: one(
            db,
            "SELECT relation::text FROM audit.partition_bounds(%s) ORDER BY lower_bound",
            [f"audit.{root}"],
        )
        for root in ROOTS
    }
    for root, day in oldest.items():
        bound = one(db, "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = %s::regclass", [day])
        db.execute(f"ALTER TABLE audit.{root} DETACH PARTITION {day}")
        assert_placed(db, log.space)
        db.execute("SELECT audit.maintain_partitions()")
        db.execute(f"ALTER TABLE audit.{root} ATTACH PARTITION {day} {bound}")
    assert_placed(db, log.space)
    log.kit("apply", "--yes")
    assert log.kit.plan() == []
    assert_guarded(db)
    verify(log)


@pytest.mark.any_server
def test_a_reader_sees_the_same_as_before_and_no_part_directly(log: Log) -> None:
    db = log.db
    reader = db.role("reader")
    db.execute(sql.SQL("GRANT pgaudit_kit_reader TO {}").format(sql.Identifier(reader)))
    db.execute("INSERT INTO audit.tenant_readers VALUES (%s, 'acme')", [reader])
    query = "SELECT event_id, tenant_id, old_values, new_values FROM audit.events ORDER BY event_id"
    with connect(db, reader) as conn:
        before = conn.execute(query).fetchall()
        log.kit.declare(regions(eu(log.space)).replace("bulk = true", ""))
        log.kit("apply", "--yes")
        assert before == conn.execute(query).fetchall()
        assert {row[1] for row in before} == {"acme"}
        for (part,) in db.execute(
            "SELECT t.relid::text FROM pg_partition_tree('audit.change_events') AS t"
        ).fetchall():
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT FROM {part}")
    part = one(
        db, "SELECT tableoid::regclass::text FROM audit.change_events WHERE tenant_id = 'acme' LIMIT 1"
    )
    for statement in (f"DELETE FROM {part}", f"TRUNCATE {part}"):
        with pytest.raises(errors.RestrictViolation):
            db.execute(statement)


@pytest.mark.any_server
def test_a_new_installation_is_divided_from_its_first_event(log: Log) -> None:
    db = log.db
    log.kit.schema = "audit2"
    log.kit.declare(f'schema = "audit2"\n{regions(eu(log.space))}')
    log.kit("install", "--yes")
    assert log.kit.plan() == []
    assert one(db, "SELECT count(*) FROM audit2.change_events_default") == 0
    db.execute("INSERT INTO public.doc VALUES (-1, 'acme', 'x', 'y'), (-2, 'globex', 'x', 'y')")
    assert db.execute(
        "SELECT DISTINCT e.tenant_id, t.spcname FROM audit2.change_events AS e"
        " INNER JOIN pg_class AS c ON c.oid = e.tableoid"
        " LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace WHERE e.tenant_id <> '_system' ORDER BY 1"
    ).fetchall() == [("acme", log.space), ("globex", None)]
    log.kit("verify", "--all", code=4)
    log.kit("seal")
    log.kit("verify", "--all")
    log.kit("uninstall", "--yes", "--drop-data", "--confirm", "audit2")

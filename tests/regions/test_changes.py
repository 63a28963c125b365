"""Regions that are declared otherwise: old rows follow, and nothing is copied that may stay."""

from __future__ import annotations

import threading

import pytest

from tests.kit import Kit
from tests.regions.conftest import Log
from tests.regions.placement import (
    OTHERS,
    ROOTS,
    STORED,
    assert_guarded,
    assert_placed,
    eu,
    lines,
    parts,
    personal,
    regions,
    work,
)
from tests.sealing import assert_sound, one, seal_all
from tests.servers import connect

pytestmark = pytest.mark.any_server


def divided(log: Log, *declared: str) -> None:
    """The log with these regions, not recording by statement."""
    log.kit.declare(regions(*declared).replace("bulk = true", ""))
    log.kit("apply", "--yes")
    assert log.kit.plan() == []


def files(log: Log) -> dict[str, int]:
    """Each part with its file."""
    return {name: one(log.db, "SELECT pg_relation_filenode(%s)", [name]) for name, _, _ in parts(log.db)}


def structure(log: Log) -> list[tuple[str, ...]]:
    """Tables, constraints and indexes of the log by name, without the names of partitions' own."""
    return log.db.execute(
        """
        SELECT c.relname, c.relkind, pg_get_expr(c.relpartbound, c.oid),
            ARRAY(
                SELECT pg_get_constraintdef(k.oid) FROM pg_constraint AS k WHERE k.conrelid = c.oid ORDER BY 1
            ),
            ARRAY(
                SELECT regexp_replace(pg_get_indexdef(x.indexrelid), '^.* ON (ONLY )?[^(]*', '')
                FROM pg_index AS x WHERE x.indrelid = c.oid ORDER BY 1
            ),
            (
                SELECT k.conname FROM pg_constraint AS k
                WHERE k.conrelid = c.oid AND k.contype = 'p' AND NOT c.relispartition
            )
        FROM pg_class AS c
        WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p')
        ORDER BY 1
        """
    ).fetchall()


def test_a_tenant_without_rows_joins_a_region_and_nothing_is_copied(log: Log) -> None:
    divided(log, eu(log.space))
    before = files(log)
    log.kit.declare(
        regions(eu(log.space, "acme", "_under", "it's \\ one", "new", "newer")).replace("bulk = true", "")
    )
    assert "eu in" in log.kit.reasons()
    log.kit("apply", "--yes")
    assert log.kit.plan() == []
    assert files(log) == before
    assert_guarded(log.db)
    work(log.db, 5)
    log.db.execute("INSERT INTO public.doc VALUES (-1, 'new', 'x', 'y')")
    log.db.execute("INSERT INTO public.person VALUES ('new@example.org', 'new', '555')")
    assert_placed(log.db, log.space, STORED | {"new"})
    seal_all(log.db)
    assert_sound(log.db)
    log.kit("verify", "--all")


def test_a_tenant_with_rows_moves_and_leaves_nothing_behind(log: Log) -> None:
    divided(log, eu(log.space))
    seal_all(log.db)
    before, kept_apart = lines(log.db), personal(log.db)
    divided(log, eu(log.space, "acme", "globex"))
    assert_placed(log.db, log.space, {"acme", "globex"})
    now = lines(log.db)
    assert {number: now[number] for number in before} == before
    assert personal(log.db) == kept_apart
    assert_guarded(log.db)
    log.kit("verify", "--all")


def test_a_region_moves_to_another_tablespace_and_back_to_none(log: Log) -> None:
    before = structure(log)
    divided(log, eu(log.space))
    divided(log, eu(log.other))
    assert_placed(log.db, log.other)
    assert not any(log.space in spaces for _, _, spaces in parts(log.db))
    divided(log)
    assert {space for _, _, spaces in parts(log.db) for space in spaces} == {"pg_default"}
    assert structure(log) == before
    assert_guarded(log.db)
    work(log.db, 2)
    seal_all(log.db)
    assert_sound(log.db)
    log.kit("verify", "--all")


def test_without_a_tablespace_the_log_is_divided_all_the_same(log: Log) -> None:
    divided(log, 'name = "eu"\ntenants = ["acme"]')
    for name, tenants, spaces in parts(log.db):
        assert spaces == {"pg_default"}
        assert name.endswith("_eu") == (tenants == {"acme"}) or not tenants


def test_what_lies_elsewhere_is_told_and_put_back(log: Log) -> None:
    divided(log, eu(log.space))
    part = one(
        log.db, "SELECT tableoid::regclass::text FROM audit.change_events WHERE tenant_id = 'acme' LIMIT 1"
    )
    index = one(
        log.db, "SELECT min(indexrelid::regclass::text) FROM pg_index WHERE indrelid = %s::regclass", [part]
    )
    for statement in (
        f"ALTER TABLE {part} SET TABLESPACE pg_default",
        f"ALTER INDEX {index} SET TABLESPACE pg_default",
    ):
        log.db.execute(statement)
        found = log.kit("doctor", "--json", code=1).json["checks"]
        told = next(check for check in found if check["name"] == "regions")["findings"]
        assert (
            f"{part.removeprefix('audit.')} lies in another tablespace than region eu" in told[0]["message"]
        )
        log.kit("apply", "--yes")
        assert log.kit.plan() == []
        assert_placed(log.db, log.space)
    seal_all(log.db)
    log.kit("doctor")


def test_an_apply_that_was_cut_short_goes_on(log: Log) -> None:
    """The days of the past are placed one by one, after what is written to now."""
    log.kit.declare(regions(eu(log.space)).replace("bulk = true", ""))
    script = log.kit("apply", "--dry-run").out
    first, _, rest = script.partition("COMMIT;\n")
    log.db.execute(first + "COMMIT;")
    assert any(
        "p2" in name and STORED & tenants
        for name, tenants, spaces in parts(log.db)
        if log.space not in spaces
    )
    with connect(log.db) as writer:
        writer.execute("INSERT INTO public.doc VALUES (-1, 'acme', 'x', 'y')")
    assert [target for _, _, target in log.kit.plan()] == ["partitions of the past"]
    log.kit("doctor", code=1)
    log.db.execute(rest)
    assert log.kit.plan() == []
    assert_placed(log.db, log.space)
    assert_guarded(log.db)


def test_writers_go_on_while_the_log_is_divided_and_lose_nothing(log: Log) -> None:
    errors: list[BaseException] = []
    done = threading.Event()
    written = [0, 0]

    def write(number: int) -> None:
        try:
            with connect(log.db) as conn:
                while not done.is_set():
                    row = 10_000 * (number + 1) + written[number]
                    tenant = ("acme", "globex")[written[number] % 2]
                    conn.execute("INSERT INTO public.doc VALUES (%s, %s, 'x', 'y')", [row, tenant])
                    written[number] += 1
        except BaseException as error:  # it is the test that fails
            errors.append(error)

    threads = [threading.Thread(target=write, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        divided(log, eu(log.space))
        divided(log, eu(log.space, "globex"))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert errors == []
    rows = "SELECT count(*) FROM public.doc WHERE id >= 10000"
    events = "SELECT count(*) FROM audit.change_events WHERE record_key::bigint >= 10000 AND operation = 'I'"
    doc = " AND table_id = (SELECT table_id FROM audit.table_versions WHERE table_name = 'doc' LIMIT 1)"
    assert (
        one(log.db, rows)
        == sum(written)
        == one(
            log.db,
            events.replace(
                "record_key::bigint", "CASE WHEN record_key ~ '^[0-9]+$' THEN record_key::bigint END"
            )
            + doc,
        )
    )
    assert_placed(log.db, log.space, {"globex"})
    seal_all(log.db)
    assert_sound(log.db)
    log.kit("verify", "--all")


def test_the_settings_and_the_events_tell_who_belongs_where(log: Log) -> None:
    divided(log, eu(log.space, "acme"), f"name = 'world'\ntablespace = '{log.other}'")
    told = Kit(log.db.dsn)("status", "--json").json["regions"]
    assert [(region["name"], region["tablespace"], region["tenants"]) for region in told] == [
        ("eu", log.space, ["acme"]),
        ("world", log.other, None),
    ]
    assert all(region["partitions"] > len(ROOTS) for region in told)
    assert "world" in Kit(log.db.dsn)("status").out
    kinds = dict(
        log.db.execute(
            "SELECT new_values ->> 'kind', count(*) FROM audit.change_events WHERE operation = 'C'"
            " AND occurred_at > now() - interval '1 hour' GROUP BY 1"
        ).fetchall()
    )
    placed = one(
        log.db,
        "SELECT count(*) FROM pg_inherits WHERE inhparent = ANY (%s::regclass[])",
        [[f"audit.{root}" for root in ROOTS]],
    )
    assert kinds["partition-placed"] == placed
    assert kinds["setting-changed"] == 1
    assert "guards-changed" not in kinds
    assert set(OTHERS) & {tenant for _, tenants, _ in parts(log.db) for tenant in tenants} == set(OTHERS)

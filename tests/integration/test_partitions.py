"""Partitions of the log: made ahead, guarded, and refilled from the default one without anybody noticing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgaudit_kit.cli.main import main
from tests.conftest import install_kit
from tests.partman.setups import configured, create_partman, partman_template
from tests.servers import Database, PgServer, connect

PARENTS = ("blocks", "change_events", "personal_keys", "personal_values")
LATER = "clock_timestamp() + interval '2 minutes'"


@pytest.fixture(params=["native", "partman"])
def manager(request: pytest.FixtureRequest) -> str:
    """Who makes the partitions; pg_partman is 4.7 on one server and 5.x on another."""
    name: str = request.param
    return name


@pytest.fixture
def kit_db(server: PgServer, manager: str) -> Iterator[Database]:
    """A database with the kit, whose partitions that manager makes."""
    template = partman_template(server) if manager == "partman" else server.template("kit", install_kit)
    with server.database(template) as database:
        assert one(database, "SELECT audit.partition_manager()").startswith(f"pg_{manager}") is (
            manager == "partman"
        )
        yield database


@pytest.fixture
def audited(kit_db: Database) -> Database:
    """A database with the kit and an audited table `doc`."""
    kit_db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, body text)")
    assert main(["--dsn", kit_db.dsn, "enable", "public.doc"]) == 0
    return kit_db


def one(conn: psycopg.Connection[Any], query: Any, *parameters: Any) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def bounds(conn: psycopg.Connection[Any], parent: str = "change_events") -> list[tuple[datetime, datetime]]:
    rows = conn.execute(
        "SELECT lower_bound AT TIME ZONE 'UTC', upper_bound AT TIME ZONE 'UTC'"
        " FROM audit.partition_bounds(%s::regclass) ORDER BY 1",
        [f"audit.{parent}"],
    ).fetchall()
    return [(lower.replace(tzinfo=UTC), upper.replace(tzinfo=UTC)) for lower, upper in rows]


def server_now(conn: psycopg.Connection[Any]) -> datetime:
    now: datetime = one(conn, "SELECT clock_timestamp() AT TIME ZONE 'UTC'")
    return now.replace(tzinfo=UTC)


def assert_without_holes(found: list[tuple[datetime, datetime]]) -> None:
    assert [upper for _, upper in found[:-1]] == [lower for lower, _ in found[1:]]


def open_gap(db: Database) -> None:
    """As if maintenance had not run for long: every row in the default partitions, no others there."""
    for parent in PARENTS:
        leaves = db.execute(
            "SELECT relation::text FROM audit.partition_bounds(%s::regclass)", [f"audit.{parent}"]
        ).fetchall()
        with db.transaction():
            for (leaf,) in leaves:
                names = {"parent": sql.Identifier("audit", parent), "leaf": sql.SQL(leaf)}
                db.execute(sql.SQL("ALTER TABLE {parent} DETACH PARTITION {leaf}").format(**names))
                db.execute(sql.SQL("INSERT INTO {parent} SELECT (r).* FROM {leaf} AS r").format(**names))
                db.execute(sql.SQL("DROP TABLE {leaf}").format(**names))


def close_gap(db: Database) -> None:
    """Maintenance leaves writers ten seconds; here they are one, and over at the end."""
    db.execute("SELECT audit.maintain_partitions(clock_timestamp() - interval '9 seconds')")
    first = bounds(db)[0][0]
    while server_now(db) < first:
        time.sleep(0.05)


def in_default(conn: psycopg.Connection[Any], parent: str = "change_events") -> int:
    count: int = one(
        conn, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("audit", f"{parent}_default"))
    )
    return count


def lines(conn: psycopg.Connection[Any]) -> list[str]:
    """Every event but those of the maintenance itself, as it is hashed."""
    rows = conn.execute(
        "SELECT audit.event_line(e) FROM audit.change_events AS e"
        " WHERE e.new_values ->> 'kind' IS DISTINCT FROM 'default-partition-moved' ORDER BY e.event_id"
    )
    return [line for (line,) in rows]


def move_all(conn: psycopg.Connection[Any], batch: int = 20_000) -> list[int]:
    moved = []
    while count := one(conn, f"SELECT audit.move_default_rows(%s, {LATER})", batch):
        moved.append(count)
        assert len(moved) < 200
    return moved


@pytest.mark.parametrize(
    ("interval", "premake", "length"),
    [
        ("1 hour", 5, timedelta(hours=1)),
        ("1 day", 7, timedelta(days=1)),
        ("1 week", 2, timedelta(weeks=1)),
        ("1 month", 3, None),
    ],
)
def test_partitions_are_made_ahead(
    db: Database, tmp_path: Path, manager: str, interval: str, premake: int, length: timedelta | None
) -> None:
    if manager == "partman":
        create_partman(db.dsn, db.server)
    config = configured(tmp_path, manager=manager, interval=interval, premake=premake)
    assert main(["--dsn", db.dsn, "--config", str(config), "install", "--yes"]) == 0
    now = server_now(db)
    for parent in PARENTS:
        found = bounds(db, parent)
        assert_without_holes(found)
        assert found[0][0] <= now < found[0][1]
        assert len(found) == premake + 1
        if length is None:
            assert {(lower.day, lower.hour) for lower, _ in found} == {(1, 0)}
        else:
            assert {upper - lower for lower, upper in found} == {length}
    assert in_default(db) == 0


def test_weeks_begin_on_monday(db: Database, tmp_path: Path) -> None:
    config = tmp_path / "pgaudit.toml"
    config.write_text('[partitions]\ninterval = "1 week"\n')
    assert main(["--dsn", db.dsn, "--config", str(config), "install", "--yes"]) == 0
    assert {lower.weekday() for lower, _ in bounds(db)} == {0}


def test_maintenance_twice_makes_nothing(kit_db: Database) -> None:
    assert one(kit_db, "SELECT audit.maintain_partitions()") == 0


def test_a_limit_makes_one_partition_at_a_time(kit_db: Database) -> None:
    tomorrow = "clock_timestamp() + interval '1 day'"
    assert one(kit_db, f"SELECT audit.maintain_partitions({tomorrow}, 1)") == 1
    assert one(kit_db, f"SELECT audit.maintain_partitions({tomorrow})") == len(PARENTS) - 1


@pytest.mark.parametrize("parent", PARENTS)
def test_a_leaf_is_as_guarded_as_its_parent(kit_db: Database, parent: str) -> None:
    stranger = kit_db.role()
    kit_db.execute(
        sql.SQL(
            "ALTER DEFAULT PRIVILEGES FOR ROLE pgaudit_kit_owner GRANT ALL ON TABLES TO PUBLIC, {}"
        ).format(sql.Identifier(stranger))
    )
    kit_db.execute("SELECT audit.maintain_partitions(clock_timestamp() + interval '3 days')")
    leaves = kit_db.execute(
        """
        SELECT c.oid::regclass::text, c.relrowsecurity AND c.relforcerowsecurity, c.relowner::regrole::text,
            (SELECT count(*) FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner),
            (SELECT g.tgenabled FROM pg_trigger AS g
                WHERE g.tgrelid = c.oid AND g.tgname = 'append_only_truncate'),
            (SELECT g.tgenabled FROM pg_trigger AS g
                WHERE g.tgrelid = c.oid AND g.tgname = 'append_only_row'),
            ARRAY(SELECT row(l.polname, l.polcmd, l.polroles, pg_get_expr(l.polqual, l.polrelid))::text
                FROM pg_policy AS l WHERE l.polrelid = c.oid ORDER BY l.polname),
            ARRAY(SELECT row(l.polname, l.polcmd, l.polroles, pg_get_expr(l.polqual, l.polrelid))::text
                FROM pg_policy AS l WHERE l.polrelid = i.inhparent ORDER BY l.polname),
            (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute AS a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attstattarget = 0),
            (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute AS a
                WHERE a.attrelid = i.inhparent AND a.attnum > 0 AND a.attstattarget = 0)
        FROM pg_inherits AS i
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = %s::regclass
        """,
        [f"audit.{parent}"],
    ).fetchall()
    assert len(leaves) == 1 + 8 + 3
    for leaf, row_security, owner, grants, truncate_guard, row_guard, *rest in leaves:
        policies, of_parent, untold, untold_of_parent = rest
        facts = (row_security, owner, grants, truncate_guard, row_guard)
        assert (leaf, *facts) == (leaf, True, "pgaudit_kit_owner", 0, "A", "A")
        assert policies == of_parent
        assert policies
        assert untold == untold_of_parent
        assert "tenant_id" in untold


@pytest.mark.parametrize("statement", ["TRUNCATE", "DELETE FROM"])
def test_a_leaf_refuses_its_owner(kit_db: Database, statement: str) -> None:
    leaf = one(
        kit_db,
        "SELECT relation::text FROM audit.partition_bounds('audit.change_events') ORDER BY 1 LIMIT 1",
    )
    with kit_db.transaction(force_rollback=True):
        kit_db.execute("SET LOCAL ROLE pgaudit_kit_owner")
        with pytest.raises(psycopg.errors.RestrictViolation):
            kit_db.execute(sql.SQL("{} {}").format(sql.SQL(statement), sql.SQL(leaf)))


def test_a_missing_partition_never_fails_a_write(audited: Database) -> None:
    open_gap(audited)
    before = in_default(audited)
    audited.execute(
        "INSERT INTO public.doc VALUES (1, 'a'); UPDATE public.doc SET body = 'b'; TRUNCATE public.doc"
    )
    assert in_default(audited) == before + 3


def test_a_gap_is_recovered_and_nothing_is_lost(audited: Database) -> None:
    audited.execute("INSERT INTO public.doc VALUES (1, 'a')")
    audited.execute("SELECT audit.seal()")
    open_gap(audited)
    audited.execute("INSERT INTO public.doc VALUES (2, 'b')")  # not sealed yet
    before = lines(audited)
    assert one(audited, "SELECT audit.maintain_partitions()") == len(PARENTS) * 8
    assert sum(move_all(audited)) >= len(before)
    for parent in PARENTS:
        assert in_default(audited, parent) == 0
        assert_without_holes(bounds(audited, parent))
    assert lines(audited) == before
    newest = bounds(audited)[-1][1]
    assert newest - server_now(audited) > timedelta(days=6)


def test_after_a_gap_later_events_land_in_partitions(audited: Database) -> None:
    open_gap(audited)
    close_gap(audited)
    before = in_default(audited)
    audited.execute("INSERT INTO public.doc VALUES (1, 'a')")
    assert in_default(audited) == before


def test_what_a_writer_may_be_on_its_way_with_stays_in_the_default_partition(audited: Database) -> None:
    open_gap(audited)
    audited.execute("INSERT INTO public.doc VALUES (1, 'a')")
    before = in_default(audited)
    while one(audited, "SELECT audit.move_default_rows()"):
        pass
    assert 0 < in_default(audited) <= before


def test_rows_move_in_batches_and_the_chain_stays_whole(audited: Database) -> None:
    open_gap(audited)
    audited.execute("INSERT INTO public.doc SELECT i, 'x' FROM generate_series(1, 100) AS i")
    audited.execute("SELECT audit.seal()")
    audited.execute("UPDATE public.doc SET body = 'y'")
    audited.execute("SELECT audit.maintain_partitions()")
    before = lines(audited)
    moved = move_all(audited, batch=60)
    assert max(moved) <= 60
    assert len(moved) >= 4
    assert lines(audited) == before
    audited.execute("SELECT audit.seal()")
    sealed = audited.execute("SELECT unnest(event_ids) FROM audit.blocks").fetchall()
    events = audited.execute("SELECT event_id FROM audit.change_events").fetchall()
    assert sorted(sealed) == sorted(events)
    wrong = (
        "SELECT count(*) FROM audit.events AS v INNER JOIN audit.change_events AS e USING (event_id)"
        " WHERE v.event_hash IS DISTINCT FROM sha256(convert_to(audit.event_line(e), 'UTF8'))"
    )
    assert one(audited, wrong) == 0


def test_the_mover_says_what_it_did(audited: Database) -> None:
    open_gap(audited)
    audited.execute("SELECT audit.maintain_partitions()")
    moved = move_all(audited)
    said = audited.execute(
        "SELECT (new_values ->> 'rows')::int FROM audit.change_events"
        " WHERE new_values ->> 'kind' = 'default-partition-moved' ORDER BY event_id"
    ).fetchall()
    assert [rows for (rows,) in said] == moved


def test_events_of_a_clock_that_ran_ahead_are_moved_too(audited: Database) -> None:
    audited.execute(
        "INSERT INTO audit.change_events (event_id, occurred_at, transaction_id, operation, tenant_id)"
        " SELECT nextval('audit.event_id_seq'), clock_timestamp() + interval '20 days', txid_current(),"
        " 'C', 'x'"
    )
    assert in_default(audited) == 1
    assert move_all(audited) == [1]
    assert one(audited, "SELECT audit.maintain_partitions()") == 0


@pytest.mark.parametrize("interval", ["1 hour", "1 week", "1 month", "3 months", "1 year"])
def test_a_changed_interval_leaves_no_hole(kit_db: Database, interval: str) -> None:
    kit_db.execute(
        "UPDATE audit.settings SET value = value || jsonb_build_object('interval', %s::text, 'premake', 3)"
        " WHERE name = 'partitions'",
        [interval],
    )
    for days in (0, 5, 12):
        kit_db.execute(
            "SELECT audit.maintain_partitions(clock_timestamp() + make_interval(days => %s))", [days]
        )
        now = server_now(kit_db) + timedelta(days=days)
        found = bounds(kit_db)
        covering = [upper for lower, upper in found if lower <= now + timedelta(seconds=15) < upper]
        assert len(covering) == 1
        ahead = [pair for pair in found if pair[1] >= covering[0]]
        assert_without_holes(ahead)
    if interval != "1 hour":
        assert_without_holes(bounds(kit_db))


@pytest.mark.parametrize("seconds", [-11, -10, -5, -1, 0, 1])
def test_the_clock_at_the_end_of_an_interval(kit_db: Database, seconds: int) -> None:
    last = bounds(kit_db)[-1][1]
    at = last + timedelta(seconds=seconds)
    kit_db.execute("SELECT audit.maintain_partitions(%s)", [at])
    found = bounds(kit_db)
    covered = [pair for pair in found if pair[0] <= at + timedelta(seconds=10) < pair[1]]
    assert len(covered) == 1
    assert found[-1][1] - at > timedelta(days=7) - timedelta(seconds=60)


def test_a_leaf_made_by_hand_is_stamped(kit_db: Database) -> None:
    with kit_db.transaction():
        kit_db.execute("SET LOCAL ROLE pgaudit_kit_owner")
        kit_db.execute(
            "CREATE TABLE audit.by_hand PARTITION OF audit.change_events"
            " FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-02-01 00:00:00+00')"
        )
    kit_db.execute("SELECT audit.maintain_partitions()")
    assert one(
        kit_db,
        "SELECT c.relrowsecurity AND c.relforcerowsecurity AND EXISTS ("
        " SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgname = 'append_only_truncate'"
        " AND g.tgenabled = 'A') FROM pg_class AS c WHERE c.oid = 'audit.by_hand'::regclass",
    )
    assert (
        one(
            kit_db,
            "SELECT count(*) FROM audit.change_events WHERE new_values ->> 'kind' = 'partition-stamped'",
        )
        == 1
    )


def test_one_manager_at_a_time(audited: Database) -> None:
    open_gap(audited)
    with connect(audited, autocommit=False) as other:
        other.execute("SELECT audit.maintain_partitions()")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            audited.execute("SELECT audit.maintain_partitions()")
        other.rollback()


def test_maintenance_gives_up_before_a_writer_would(audited: Database) -> None:
    open_gap(audited)
    with connect(audited, autocommit=False) as writer:
        writer.execute("INSERT INTO public.doc VALUES (1, 'a')")  # holds the default partition
        with pytest.raises(psycopg.errors.LockNotAvailable):
            audited.execute("SELECT audit.maintain_partitions()")
        writer.execute("INSERT INTO public.doc VALUES (2, 'b')")
        writer.commit()
    assert one(audited, "SELECT count(*) FROM public.doc") == 2


def test_a_transaction_that_began_before_the_gap_was_closed_goes_on_writing(audited: Database) -> None:
    # It has the log's parent locked already, and a list of partitions that is out of date.
    open_gap(audited)
    with connect(audited, autocommit=False) as writer:
        writer.execute("LOCK TABLE ONLY audit.change_events IN ROW EXCLUSIVE MODE")
        writer.execute("SAVEPOINT s")
        writer.execute("INSERT INTO public.doc VALUES (1, 'a')")
        writer.execute("ROLLBACK TO s")
        close_gap(audited)
        writer.execute("INSERT INTO public.doc VALUES (2, 'b')")
        writer.commit()
    assert one(audited, "SELECT count(*) FROM public.doc") == 1


def test_who_has_read_the_log_may_write_while_rows_are_moved(audited: Database) -> None:
    open_gap(audited)
    audited.execute("INSERT INTO public.doc VALUES (1, 'a')")

    def move() -> None:
        with (
            connect(audited, application_name="mover") as conn,
            contextlib.suppress(psycopg.errors.LockNotAvailable),
        ):
            while one(conn, f"SELECT audit.move_default_rows(100, {LATER})"):
                pass  # other tables' first

    mover = threading.Thread(target=move)
    with connect(audited) as conn:
        conn.execute("SET deadlock_timeout = '10ms'")  # the writer would be the one to look for a deadlock
        with conn.transaction():
            conn.execute("SELECT count(*) FROM audit.events")
            mover.start()
            waiting = (
                "SELECT EXISTS (SELECT FROM pg_locks AS l INNER JOIN pg_stat_activity AS a USING (pid)"
                " WHERE a.application_name = 'mover' AND NOT l.granted)"
            )
            while mover.is_alive() and not one(audited, waiting):
                pass
            conn.execute("INSERT INTO public.doc VALUES (2, 'b')")
    mover.join()
    assert one(audited, "SELECT count(*) FROM public.doc") == 2


def test_writers_do_not_notice_maintenance(audited: Database) -> None:
    open_gap(audited)
    stop, errors, written = threading.Event(), [], []

    def write(number: int) -> None:
        count = 0
        with connect(audited) as conn:
            while not stop.is_set():
                try:
                    with conn.transaction():
                        for _ in range(3):
                            conn.execute(
                                "INSERT INTO public.doc VALUES (%s, 'a')", [number * 1_000_000 + count]
                            )
                            count += 1
                except psycopg.Error as error:
                    errors.append(error)
                    return
        written.append(count)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    made = moved = 0
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        for statement in ("maintain_partitions(%s, 1)", "move_default_rows(50, %s)"):
            try:
                count = one(audited, f"SELECT audit.{statement}", server_now(audited))
            except psycopg.errors.LockNotAvailable:
                continue
            if statement.startswith("maintain"):
                made += count
            else:
                moved += count
        audited.execute("SELECT audit.seal()")
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert made > 0
    total = one(audited, "SELECT count(*) FROM audit.change_events WHERE operation = 'I'")
    assert total == sum(written) == one(audited, "SELECT count(*) FROM public.doc")
    move_all(audited)
    assert in_default(audited) == 0
    assert one(audited, "SELECT count(*) FROM audit.change_events WHERE operation = 'I'") == total


@pytest.mark.parametrize(
    "spoil",
    [
        "GRANT SELECT ON audit.change_events_default TO PUBLIC",
        "CREATE POLICY everybody ON audit.change_events_default USING (true)",
        "ALTER TABLE audit.change_events_default NO FORCE ROW LEVEL SECURITY",
        "DROP TRIGGER append_only_truncate ON audit.change_events_default",
    ],
)
def test_a_spoilt_leaf_is_stamped_anew(kit_db: Database, spoil: str) -> None:
    kit_db.execute(spoil)
    kit_db.execute("SELECT audit.maintain_partitions()")
    stamped = kit_db.execute(
        "SELECT new_values ->> 'table' FROM audit.change_events"
        " WHERE new_values ->> 'kind' = 'partition-stamped'"
    ).fetchall()
    assert stamped == [("audit.change_events_default",)]
    assert one(kit_db, "SELECT audit.stamp_partitions()") == 0


def test_a_leaf_of_somebody_else_does_not_stop_maintenance(kit_db: Database) -> None:
    kit_db.execute(
        "CREATE TABLE audit.by_hand PARTITION OF audit.change_events"
        " FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-02-01 00:00:00+00')"
    )
    tomorrow = "clock_timestamp() + interval '1 day'"
    assert one(kit_db, f"SELECT audit.maintain_partitions({tomorrow})") == len(PARENTS)
    assert one(kit_db, f"SELECT audit.maintain_partitions({tomorrow})") == 0

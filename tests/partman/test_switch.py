"""From one partition manager to another and back: nothing lost, no hole, no overlap, twice is a no-op."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import install_kit
from tests.kit import Kit
from tests.partman.setups import configured, create_partman, partman_template, see_partman, version_on
from tests.servers import Database, PgServer, connect

PARENTS = ("blocks", "change_events", "personal_keys", "personal_values")
TOMORROW = "clock_timestamp() + interval '1 day'"


def one(conn: psycopg.Connection[Any], query: Any, *parameters: Any) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


@dataclass
class Case:
    """A database with the kit and an audited table that was written to."""

    db: Database
    kit: Kit
    folder: Path

    def manager(self) -> str:
        """Who makes the partitions."""
        name: str = one(self.db, "SELECT audit.partition_manager()")
        return name

    def declare(self, **settings: Any) -> None:
        """Write the configuration."""
        configured(self.folder, **settings)
        text = '\n[[tables]]\nname = "public.doc"\n'
        with (self.folder / "pgaudit.toml").open("a", encoding="utf-8") as file:
            file.write(text)
        self.kit.config = self.folder / "pgaudit.toml"

    def registered(self, schema: str = "partman") -> dict[str, tuple[Any, ...]]:
        """The kit's rows of part_config."""
        query = (
            "SELECT split_part(parent_table, '.', 2), partition_interval::interval::text, premake,"
            " automatic_maintenance, retention FROM {} WHERE parent_table LIKE 'audit.%'"
        )
        rows = self.db.execute(sql.SQL(query).format(sql.Identifier(schema, "part_config"))).fetchall()
        return {row[0]: row[1:] for row in rows}

    def write(self) -> None:
        """Some events, sealed."""
        self.db.execute("INSERT INTO public.doc SELECT max(id) + 1, 'x' FROM public.doc")
        self.db.execute("UPDATE public.doc SET body = body || 'y'")
        self.db.execute("SELECT audit.seal()")

    def lines(self) -> list[str]:
        """Every event about the table, as it is hashed."""
        rows = self.db.execute(
            "SELECT audit.event_line(e) FROM audit.change_events AS e"
            " WHERE operation <> 'C' ORDER BY event_id"
        )
        return [line for (line,) in rows]

    def check(self) -> None:
        """The chain verifies, bounds have no hole, and every leaf is guarded."""
        self.db.execute("SELECT audit.seal()")
        self.kit("verify", "--all")
        for parent in PARENTS:
            holes = (
                "SELECT count(*) FROM (SELECT b.lower_bound, lag(b.upper_bound) OVER (ORDER BY b.lower_bound)"
                " AS before FROM audit.partition_bounds(%s::regclass) AS b) AS p WHERE before <> lower_bound"
            )
            assert one(self.db, holes, f"audit.{parent}") == 0
            assert one(self.db, f"SELECT count(*) FROM audit.{parent}_default") == 0
        assert unguarded(self.db) == []


def unguarded(conn: psycopg.Connection[Any]) -> list[str]:
    """Leaves of the log that lack what their parents have."""
    rows = conn.execute(
        "SELECT c.relname FROM pg_inherits AS i INNER JOIN pg_class AS c ON c.oid = i.inhrelid"
        " INNER JOIN pg_class AS o ON o.oid = i.inhparent"
        " WHERE o.relnamespace = 'audit'::regnamespace AND o.relkind = 'p' AND NOT ("
        " c.relrowsecurity AND c.relforcerowsecurity AND c.relowner = o.relowner"
        " AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)"
        " AND EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid"
        "  AND g.tgname = 'append_only_truncate' AND g.tgenabled = 'A')"
        " AND (SELECT count(*) FROM pg_policy AS l WHERE l.polrelid = c.oid)"
        "  = (SELECT count(*) FROM pg_policy AS l WHERE l.polrelid = o.oid)"
        " AND (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attstattarget = 0)"
        "  = (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = o.oid AND a.attstattarget = 0))"
    ).fetchall()
    return [name for (name,) in rows]


def case(db: Database, folder: Path) -> Case:
    db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, body text)")
    db.execute("INSERT INTO public.doc VALUES (1, 'a')")
    found = Case(db, Kit(db.dsn), folder)
    found.kit("enable", "public.doc")
    found.write()
    return found


@pytest.fixture
def native(server: PgServer, tmp_path: Path) -> Iterator[Case]:
    """The kit makes the partitions, then pg_partman comes."""
    version_on(server)
    with server.database(server.template("kit", install_kit)) as db:
        found = case(db, tmp_path)
        create_partman(db.dsn, server)
        yield found


@pytest.fixture
def partman(server: PgServer, tmp_path: Path) -> Iterator[Case]:
    """pg_partman makes the partitions."""
    with server.database(partman_template(server)) as db:
        see_partman(db, server)
        yield case(db, tmp_path)


def test_auto_takes_pg_partman_where_it_is_and_registers_every_table(partman: Case) -> None:
    assert partman.manager().startswith("pg_partman")
    assert partman.registered() == dict.fromkeys(PARENTS, ("1 day", 7, "off", None))
    partman.check()


def test_auto_changes_nothing_when_pg_partman_comes_later(native: Case) -> None:
    assert native.kit.plan() == []
    doctor = native.kit("doctor").out
    assert "the kit itself makes the partitions; pg_partman" in doctor


def test_pg_partman_adopts_the_partitions_that_are_there(native: Case) -> None:
    before, lines = names(native.db), native.lines()
    native.declare(manager="partman")
    steps = native.kit.plan()
    assert ("change", "partitions", f"manager: from native to {wanted(native)}") in steps
    assert [target for _, kind, target in steps if kind == "grant"]
    native.kit("apply", "--yes")
    assert native.kit.plan() == []
    assert names(native.db) == before
    assert set(native.registered()) == set(PARENTS)
    assert one(native.db, f"SELECT audit.maintain_partitions({TOMORROW})") == len(PARENTS)
    native.write()
    assert native.lines()[: len(lines)] == lines
    native.check()


def wanted(found: Case) -> str:
    version = one(found.db, "SELECT extversion FROM pg_extension WHERE extname = 'pg_partman'")
    return f"pg_partman {version[0]}"


def names(conn: psycopg.Connection[Any]) -> list[str]:
    rows = conn.execute(
        "SELECT i.inhrelid::regclass::text FROM pg_inherits AS i"
        " INNER JOIN pg_class AS o ON o.oid = i.inhparent AND o.relkind = 'p'"
        " WHERE o.relnamespace = 'audit'::regnamespace ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows]


def test_the_kit_takes_back_what_pg_partman_made(partman: Case) -> None:
    before, lines = names(partman.db), partman.lines()
    partman.declare(manager="native")
    partman.kit("apply", "--yes")
    assert partman.kit.plan() == []
    assert partman.manager() == "native"
    assert partman.registered() == {}
    assert granted(partman.db) == []
    assert names(partman.db) == before
    assert one(partman.db, f"SELECT audit.maintain_partitions({TOMORROW})") == len(PARENTS)
    partman.write()
    assert partman.lines()[: len(lines)] == lines
    partman.check()


def granted(conn: psycopg.Connection[Any]) -> list[str]:
    """What the kit's owner has in pg_partman's schema."""
    rows = conn.execute(
        "SELECT c.relname FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a"
        " WHERE c.relnamespace = 'partman'::regnamespace AND a.grantee = 'pgaudit_kit_owner'::regrole"
        " UNION ALL SELECT n.nspname FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a"
        " WHERE n.nspname = 'partman' AND a.grantee = 'pgaudit_kit_owner'::regrole"
    ).fetchall()
    return [name for (name,) in rows]


def test_interval_and_premake_follow_the_configuration(partman: Case) -> None:
    partman.declare(manager="auto", interval="1 week", premake=2)
    partman.kit("apply", "--yes")
    assert partman.registered() == dict.fromkeys(PARENTS, ("7 days", 2, "off", None))
    partman.db.execute("SELECT audit.maintain_partitions(clock_timestamp() + interval '15 days')")
    partman.check()


def test_what_somebody_set_in_part_config_stays(partman: Case) -> None:
    partman.db.execute(
        "UPDATE partman.part_config SET automatic_maintenance = 'on' WHERE parent_table LIKE 'audit.%'"
    )
    partman.db.execute("SELECT audit.maintain_partitions()")
    assert {row[2] for row in partman.registered().values()} == {"on"}


def test_somebody_elses_maintenance_makes_guarded_partitions(partman: Case) -> None:
    partman.db.execute(
        "UPDATE partman.part_config SET automatic_maintenance = 'on', premake = 9"
        " WHERE parent_table LIKE 'audit.%'"
    )
    before = names(partman.db)
    with connect(partman.db) as other:
        other.execute("SET timezone = 'UTC'")
        other.execute("CALL partman.run_maintenance_proc()")
    made = len(names(partman.db)) - len(before)
    assert made >= 2 * len(PARENTS)  # one more each after noon: pg_partman rounds days
    stamped = "SELECT count(*) FROM audit.change_events WHERE new_values ->> 'kind' = 'partition-stamped'"
    assert one(partman.db, stamped) == made
    partman.check()


def test_without_the_ddl_watch_doctor_sees_an_unguarded_partition_and_apply_guards_it(
    partman: Case,
) -> None:
    for name in ("ddl", "drop", "rearm"):
        partman.db.execute(f"ALTER EVENT TRIGGER pgaudit_kit_audit_{name} DISABLE")
    partman.db.execute("UPDATE partman.part_config SET premake = 8 WHERE parent_table LIKE 'audit.%'")
    partman.db.execute("SELECT partman.run_maintenance('audit.change_events', p_jobmon := false)")
    leaves = unguarded(partman.db)
    said = partman.kit("doctor", code=1).out
    assert leaves and all(leaf in said for leaf in leaves)
    partman.kit("apply", "--yes")
    assert unguarded(partman.db) == []


def test_maintenance_leaves_the_callers_search_path_alone(partman: Case) -> None:
    with connect(partman.db) as conn:
        conn.execute("SET search_path = public, audit")
        assert one(conn, f"SELECT audit.maintain_partitions({TOMORROW})") == len(PARENTS)
        assert one(conn, "SELECT current_setting('search_path')") == "public, audit"
        conn.execute("CREATE TEMP TABLE pg_inherits (inhrelid oid)")
        assert one(conn, f"SELECT audit.maintain_partitions({TOMORROW} + interval '1 day')") == len(PARENTS)
    partman.check()


def test_a_dropped_extension_stops_no_write_and_apply_goes_back(partman: Case) -> None:
    partman.db.execute("DROP EXTENSION pg_partman")
    partman.write()
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="no longer installed") as caught:
        partman.db.execute("SELECT audit.maintain_partitions()")
    assert "pgaudit-kit apply" in (caught.value.diag.message_hint or "")
    assert "partition-manager" in partman.kit("doctor", code=1).out
    assert "manager: from" in partman.kit("plan").out
    partman.kit("apply", "--yes")
    assert partman.manager() == "native"
    assert partman.kit.plan() == []
    partman.check()


def test_a_dropped_extension_that_is_declared_is_an_error_of_the_configuration(partman: Case) -> None:
    partman.declare(manager="partman")
    partman.kit("apply", "--yes")
    partman.db.execute("DROP EXTENSION pg_partman")
    refused = partman.kit("apply", "--yes", code=2)
    assert "not installed in this database" in refused.err
    assert "CREATE EXTENSION pg_partman" in refused.err
    partman.write()


def test_pg_partman_made_anew_is_told_about_the_log_again(partman: Case) -> None:
    partman.db.execute("DROP EXTENSION pg_partman")
    create_partman(partman.db.dsn, partman.db.server)
    partman.kit("apply", "--yes")
    assert set(partman.registered()) == set(PARENTS)
    assert partman.kit.plan() == []
    partman.check()


@pytest.mark.servers("embedded")
def test_an_update_from_4_7_to_5_x_goes_on_with_what_is_there(server: PgServer, tmp_path: Path) -> None:
    version_on(server)
    with server.database() as db:
        see_partman(db, server)
        offered = (
            "SELECT count(*) FROM pg_available_extension_versions"
            " WHERE name = 'pg_partman' AND version = '4.7.2'"
        )
        if not one(db, offered):
            pytest.skip("no pg_partman 4.7.2 on this machine")
        create_partman(db.dsn, server, version="4.7.2")
        install_kit(db.dsn)
        found = case(db, tmp_path)
        assert found.manager() == "pg_partman 4"
        lines = found.lines()
        db.execute("ALTER EXTENSION pg_partman UPDATE")
        found.write()
        assert "partition-manager" in found.kit("doctor", code=1).out
        found.kit("apply", "--yes")
        assert found.manager() == "pg_partman 5"
        assert found.kit.plan() == []
        assert found.registered() == dict.fromkeys(PARENTS, ("1 day", 7, "off", None))
        assert one(db, f"SELECT audit.maintain_partitions({TOMORROW})") == len(PARENTS)
        assert found.lines()[: len(lines)] == lines
        found.check()


def test_uninstall_takes_its_rows_and_rights_out_of_pg_partman(partman: Case) -> None:
    assert granted(partman.db)
    partman.kit("uninstall", "--yes")
    assert partman.registered() == {}
    assert granted(partman.db) == []
    partman.kit("install", "--yes")
    assert set(partman.registered()) == set(PARENTS)

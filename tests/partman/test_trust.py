"""Who may make the kit's owner run pg_partman, and that other users of pg_partman are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.kit import Kit
from tests.partman.setups import configured, create_partman, partman_template, version_on
from tests.servers import Database, PgServer, connect

SETTINGS = (
    "SELECT array_agg(p::text ORDER BY parent_table) FROM mine.part_config AS p WHERE parent_table LIKE %s"
)

INSERTS = "SELECT count(*) FROM audit.events WHERE table_name = 'public.metric' AND operation = 'INSERT'"


def one(conn: psycopg.Connection[Any], query: Any, *parameters: Any) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def there(server: PgServer) -> Iterator[Database]:
    """A database with pg_partman in schema partman, and without the kit."""
    version_on(server)
    partman_template(server)  # makes the kit's roles
    with server.database() as db:
        create_partman(db.dsn, server)
        yield db


@pytest.fixture
def boss(there: Database) -> Kit:
    """The kit, run by a role that is no superuser."""
    name = there.role("boss", "LOGIN CREATEROLE")
    there.execute(
        sql.SQL("GRANT CREATE ON DATABASE {} TO {}; GRANT pgaudit_kit_owner TO {}").format(
            sql.Identifier(there.name), sql.Identifier(name), sql.Identifier(name)
        )
    )
    return Kit(make_conninfo(there.dsn, user=name))


def test_an_installer_that_cannot_grant_is_told_the_statements(
    boss: Kit, there: Database, tmp_path: Path
) -> None:
    boss.config = configured(tmp_path, manager="partman")
    refused = boss("install", "--yes", code=3).err
    grants = [
        "GRANT USAGE ON SCHEMA partman TO pgaudit_kit_owner",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE partman.part_config TO pgaudit_kit_owner",
        "GRANT SELECT ON TABLE partman.part_config_sub TO pgaudit_kit_owner",
    ]
    for statement in grants:
        assert statement in refused
        there.execute(statement.encode())
    boss("install", "--yes")
    assert one(there, "SELECT audit.partition_manager()").startswith("pg_partman")
    registered = "SELECT count(*) FROM partman.part_config WHERE parent_table LIKE %s"
    assert one(there, registered, "audit.%") == 4


def test_auto_falls_back_and_says_so_where_it_may_not_grant(boss: Kit, there: Database) -> None:
    said = boss("install", "--yes").err
    assert "Partitions are made by the kit itself" in said
    assert "GRANT USAGE ON SCHEMA partman" in said
    assert one(there, "SELECT audit.partition_manager()") == "native"


@pytest.mark.parametrize(
    ("give", "doubt"),
    [
        ("GRANT CREATE ON SCHEMA partman TO {}", "may create functions in its schema"),
        ("ALTER SCHEMA partman OWNER TO {}", "its schema partman belongs to"),
        ("ALTER FUNCTION partman.check_name_length OWNER TO {}", "functions of it belong to"),
    ],
)
def test_pg_partman_that_others_could_replace_is_not_run(
    there: Database, tmp_path: Path, give: str, doubt: str
) -> None:
    mallory = there.role("mallory")
    there.execute(sql.SQL(give).format(sql.Identifier(mallory)))
    kit = Kit(there.dsn)
    said = kit("install", "--yes").err
    assert doubt in said.replace("\n", " ")
    assert one(there, "SELECT audit.partition_manager()") == "native"
    kit.config = configured(tmp_path, manager="partman")
    assert doubt in kit("apply", "--yes", code=3).err


def test_pg_partman_that_comes_under_others_control_is_left_and_told(there: Database, tmp_path: Path) -> None:
    kit = Kit(there.dsn)
    kit("install", "--yes")
    assert one(there, "SELECT audit.partition_manager()").startswith("pg_partman")
    there.execute("GRANT CREATE ON SCHEMA partman TO PUBLIC")
    assert "PUBLIC may create functions" in kit("doctor", code=1).out
    kit("apply", "--yes")
    assert one(there, "SELECT audit.partition_manager()") == "native"


def test_a_users_own_pg_partman_goes_on_undisturbed_and_his_table_is_captured(server: PgServer) -> None:
    version_on(server)
    with server.database() as db:
        create_partman(db.dsn, server, schema="mine")
        maintainer = db.role("maintainer")
        db.execute(
            "CREATE TABLE public.metric (id int, at timestamptz NOT NULL, PRIMARY KEY (id, at))"
            " PARTITION BY RANGE (at)"
        )
        kind = "native" if version_on(server) == "4" else "range"
        db.execute(
            "SELECT mine.create_parent(p_parent_table => 'public.metric', p_control => 'at',"
            " p_interval => '1 day', p_type => %s, p_premake => 2)",
            [kind],
        )
        db.execute(
            sql.SQL(
                "GRANT ALL ON SCHEMA public TO {0}; GRANT ALL ON ALL TABLES IN SCHEMA mine TO {0};"
                "GRANT USAGE ON SCHEMA mine TO {0}; ALTER TABLE public.metric OWNER TO {0};"
                "ALTER TABLE mine.template_public_metric OWNER TO {0}"  # 5.5 insists
            ).format(sql.Identifier(maintainer))
        )
        for (leaf,) in db.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'public.metric'::regclass"
        ).fetchall():
            db.execute(
                sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.SQL(leaf), sql.Identifier(maintainer))
            )
        before = one(db, SETTINGS, "public.%")
        kit = Kit(db.dsn)
        kit("install", "--yes")
        kit("enable", "public.metric")
        assert one(db, "SELECT audit.partition_manager()").startswith("pg_partman")
        assert one(db, SETTINGS, "audit.%") is not None
        leaves = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.metric'::regclass"
        made = one(db, leaves)
        with connect(db, maintainer) as other:  # may do nothing in the kit's schema
            other.execute(
                "UPDATE mine.part_config SET premake = 4, infinite_time_partitions = true"
                " WHERE parent_table = 'public.metric'"
            )
            before = one(db, SETTINGS, "public.%")
            other.execute("CALL mine.run_maintenance_proc()")
            assert one(db, leaves) >= made + 2  # one more after noon: pg_partman rounds days
            other.execute("INSERT INTO public.metric VALUES (1, now() + interval '4 days')")
        assert one(db, INSERTS) == 1
        assert not {kind for _, kind, _ in kit.plan()} & {"partitions", "registration", "function"}
        kit("uninstall", "--yes")
        assert one(db, SETTINGS, "audit.%") is None
        after = one(db, SETTINGS, "public.%")
        assert len(after) == len(before)
        with connect(db, maintainer) as other:
            other.execute("CALL mine.run_maintenance_proc()")

"""Installing without a superuser, and what a table's owner can do to the capture of his table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from pgaudit_kit.server import ephemeral_server
from tests.kit import run
from tests.sealing import assert_sound, audited_table, one, seal_all, sealed_once, write
from tests.security.test_objects import unexpected
from tests.servers import SETTINGS, Database, PgServer, connect, find_servers

Connection = psycopg.Connection[Any]


@pytest.fixture
def plain(server: PgServer) -> Iterator[tuple[str, str]]:
    """DSNs of a role with CREATEROLE and CREATEDB that owns its database, and of a superuser.

    On a cluster of its own: on a shared one the kit's roles are there already and another's.
    """
    if server.name == "dsn":
        pytest.skip("needs a cluster of its own")
    programs = find_servers().binaries[server.name]
    with ephemeral_server(binaries=programs, settings=SETTINGS) as own:
        with psycopg.connect(own.dsn(), autocommit=True) as admin:
            admin.execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB")
            admin.execute("CREATE ROLE app LOGIN")
        with psycopg.connect(own.dsn("postgres", "boss"), autocommit=True) as boss:
            boss.execute("CREATE DATABASE shop")
        with psycopg.connect(own.dsn("shop"), autocommit=True) as admin:
            admin.execute("GRANT CREATE ON SCHEMA public TO boss")
        yield own.dsn("shop", "boss"), own.dsn("shop")


def test_the_kit_works_without_a_superuser(plain: tuple[str, str]) -> None:
    dsn, admin_dsn = plain
    answer = run("--dsn", dsn, "install", "--yes")
    assert answer.code == 0, answer.err
    assert "event triggers" in answer.err
    assert run("--dsn", dsn, "plan", "--exit-code").code == 0
    with psycopg.connect(dsn, autocommit=True) as boss, psycopg.connect(admin_dsn, autocommit=True) as admin:
        boss.execute(
            "CREATE TABLE public.old (id int PRIMARY KEY, t text); INSERT INTO public.old VALUES (1, 'x')"
        )
        answer = run("--dsn", dsn, "enable", "public.old", "--baseline")
        assert answer.code == 0, answer.err
        audited_table(boss, dsn)
        boss.execute("GRANT INSERT, UPDATE, DELETE, SELECT ON public.doc TO app")
        with psycopg.connect(admin_dsn, user="app", autocommit=True) as app:
            write(app, 1, 3)
            app.execute("UPDATE public.doc SET v = 'w' WHERE id = 1")
            boss.execute("ALTER TABLE public.doc RENAME COLUMN v TO w")
            boss.execute("ALTER TABLE public.doc ADD COLUMN x int DEFAULT 5")
            app.execute("UPDATE public.doc SET w = 'x', x = 6 WHERE id = 2")
            app.execute("DELETE FROM public.doc WHERE id = 3")
        # no event trigger puts triggers back to ALWAYS here: they have to be
        admin.execute("SET session_replication_role = replica")
        admin.execute("INSERT INTO public.doc (id) VALUES (9)")
        admin.execute("RESET session_replication_role")
        boss.execute("TRUNCATE public.doc")
        recorded = admin.execute(
            "SELECT operation::text, count(*) FROM audit.change_events WHERE operation <> 'C' GROUP BY 1"
        ).fetchall()
        assert dict(recorded) == {"B": 1, "I": 4, "U": 2, "D": 1, "T": 1}
        answer = run("--dsn", dsn, "seal")
        assert answer.code == 0, answer.err
        seal_all(admin)
        assert sealed_once(admin)
        assert_sound(admin)
        assert unexpected(admin) == set()
        assert run("--dsn", dsn, "plan").code == 0
        answer = run("--dsn", dsn, "apply", "--yes")
        assert answer.code == 0, answer.err
        answer = run("--dsn", dsn, "uninstall", "--yes")
        assert answer.code == 0, answer.err
        assert one(admin, "SELECT count(*) FROM audit.change_events") > 8
        answer = run("--dsn", dsn, "install", "--yes")
        assert answer.code == 0, answer.err
        answer = run("--dsn", dsn, "uninstall", "--drop-data", "--confirm", "audit", "--yes")
        assert answer.code == 0, answer.err
        assert one(admin, "SELECT to_regnamespace('audit') IS NULL")


def test_an_installer_without_the_right_is_told_which(plain: tuple[str, str]) -> None:
    dsn, admin_dsn = plain
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        answer = run("--dsn", f"{admin_dsn}&user=app", "install", "--yes")
        assert answer.code == 3, answer.err
        assert one(admin, "SELECT to_regnamespace('audit') IS NULL")
        admin.execute("CREATE TABLE public.others (id int PRIMARY KEY)")
        assert run("--dsn", dsn, "install", "--yes").code == 0
        answer = run("--dsn", dsn, "enable", "public.others")
        assert answer.code == 3, answer.err
        assert "others" in answer.err
    # nothing of a refused command is left
    assert run("--dsn", dsn, "plan", "--exit-code").code == 0


def test_a_baseline_rather_fails_than_leaves_rows_out(kit_db: Database) -> None:
    boss = kit_db.role("boss")
    kit_db.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(boss)))
    kit_db.execute(sql.SQL("GRANT pgaudit_kit_owner TO {}").format(sql.Identifier(boss)))
    dsn = kit_db.server.dsn(kit_db.name, boss)
    with connect(kit_db, boss) as conn:
        conn.execute(
            "CREATE TABLE public.doc (id int PRIMARY KEY);"
            "INSERT INTO public.doc SELECT generate_series(1, 3);"
            "ALTER TABLE public.doc ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
            "CREATE POLICY p ON public.doc USING (id = 1)"
        )
        answer = run("--dsn", dsn, "enable", "public.doc", "--baseline")
        assert answer.code == 3 and "row security" in answer.err
        conn.execute("ALTER TABLE public.doc NO FORCE ROW LEVEL SECURITY")
        answer = run("--dsn", dsn, "enable", "public.doc", "--baseline")
        assert answer.code == 0, answer.err
    assert one(kit_db, "SELECT count(*) FROM audit.change_events WHERE operation = 'B'") == 3


@pytest.fixture
def owner(kit_db: Database) -> Iterator[Connection]:
    """An ordinary role that owns an audited table."""
    name = kit_db.role("owner")
    kit_db.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(name)))
    audited_table(kit_db, kit_db.dsn)
    kit_db.execute(sql.SQL("ALTER TABLE public.doc OWNER TO {}").format(sql.Identifier(name)))
    with connect(kit_db, name) as conn:
        yield conn


def told(db: Database) -> list[tuple[str, str]]:
    return db.execute(
        "SELECT new_values ->> 'kind', context ->> 'db_user' FROM audit.change_events"
        " WHERE operation = 'C' AND new_values ? 'query' ORDER BY event_id"
    ).fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        'ALTER TABLE public.doc DISABLE TRIGGER "00_pgaudit_kit_audit_row"',
        "ALTER TABLE public.doc DISABLE TRIGGER ALL",
        'ALTER TABLE public.doc ENABLE REPLICA TRIGGER "00_pgaudit_kit_audit_row"',
        'DROP TRIGGER "00_pgaudit_kit_audit_row" ON public.doc',
        'ALTER TRIGGER "00_pgaudit_kit_audit_row" ON public.doc RENAME TO zz',
        "CREATE RULE r AS ON INSERT TO public.doc DO INSTEAD NOTHING",
        "ALTER TABLE public.doc RENAME TO hidden",
        "DROP TABLE public.doc",
        "ALTER TABLE public.doc ADD COLUMN z integer",
    ],
)
def test_what_a_tables_owner_does_to_its_capture_is_recorded(
    kit_db: Database, owner: Connection, statement: str
) -> None:
    seen = len(told(kit_db))
    owner.execute(statement)
    new = told(kit_db)[seen:]
    assert new, "no control event"
    assert {user for _, user in new} == {owner.info.user}
    seal_all(kit_db)
    assert sealed_once(kit_db)


def test_a_tables_owner_cannot_touch_the_kit(kit_db: Database, owner: Connection) -> None:
    for statement in (
        "DROP FUNCTION audit.tg_capture_1() CASCADE",
        "CREATE OR REPLACE FUNCTION audit.tg_capture_1() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "ALTER FUNCTION audit.tg_capture_1() SECURITY INVOKER",
        "ALTER EVENT TRIGGER pgaudit_kit_audit_ddl DISABLE",
        "DROP EVENT TRIGGER pgaudit_kit_audit_ddl",
        "SET session_replication_role = replica",
        "SELECT audit.tg_capture_1()",
        "CREATE TRIGGER x AFTER INSERT ON public.doc FOR EACH ROW EXECUTE FUNCTION audit.tg_capture_1()",
        "DELETE FROM audit.audited_tables",
        "SELECT FROM audit.events",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute(statement)

"""What a table's owner can do to the capture of his table, and what an installer sees of it.

Installing without a superuser is tested in tests/managed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from tests.kit import run
from tests.sealing import audited_table, one, seal_all, sealed_once
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]


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

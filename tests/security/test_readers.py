"""Who reads what: a reader its tenants, an auditor everything, nobody the tables themselves."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from tests.sealing import audited_table, seal_all, write
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]


@pytest.fixture
def log(kit_db: Database) -> Database:
    audited_table(kit_db, kit_db.dsn)
    for at, tenant in enumerate(["a", "a", "b", "c"]):
        write(kit_db, at, tenant=tenant)
    seal_all(kit_db)
    write(kit_db, 10, tenant="b")
    return kit_db


def member(db: Database, of: str) -> str:
    name = db.role("reader")
    db.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(of), sql.Identifier(name)))
    return name


def tenants(conn: Connection, view: str) -> dict[str, int]:
    query = sql.SQL("SELECT tenant_id, count(*) FROM {} GROUP BY 1").format(sql.Identifier("audit", view))
    return dict(conn.execute(query).fetchall())


def test_a_reader_sees_its_tenants_alone(log: Database) -> None:
    reader = member(log, "pgaudit_kit_reader")
    with connect(log, reader) as conn:
        assert tenants(conn, "events") == {} == tenants(conn, "chain")
        log.execute("INSERT INTO audit.tenant_readers VALUES (%s, 'a'), (%s, 'c')", [reader, reader])
        assert tenants(conn, "events") == {"a": 2, "c": 1} == tenants(conn, "chain")
        log.execute("DELETE FROM audit.tenant_readers WHERE role = %s AND tenant_id = 'a'", [reader])
        assert tenants(conn, "events") == {"c": 1}


def test_members_of_a_reader_see_what_it_sees(log: Database) -> None:
    group = member(log, "pgaudit_kit_reader")
    log.execute("INSERT INTO audit.tenant_readers VALUES (%s, 'b')", [group])
    person, outsider = member(log, group), member(log, "pgaudit_kit_reader")
    with connect(log, person) as conn:
        assert tenants(conn, "events") == {"b": 2}
    with connect(log, outsider) as conn:
        assert tenants(conn, "events") == {}


def test_an_auditor_sees_everything(log: Database) -> None:
    with connect(log, member(log, "pgaudit_kit_auditor")) as conn:
        seen = tenants(conn, "events")
        assert seen.pop("_system") > 0
        assert seen == {"a": 2, "b": 2, "c": 1}


def test_a_reader_that_was_dropped_spoils_nothing_for_others(log: Database) -> None:
    reader = member(log, "pgaudit_kit_reader")
    log.execute("INSERT INTO audit.tenant_readers VALUES ('no such role', 'b'), (%s, 'a')", [reader])
    with connect(log, reader) as conn:
        assert tenants(conn, "events") == {"a": 2}


@pytest.mark.parametrize("role", ["pgaudit_kit_reader", "pgaudit_kit_auditor"])
def test_nobody_reads_the_tables_themselves(log: Database, role: str) -> None:
    reader = member(log, role)
    log.execute("INSERT INTO audit.tenant_readers VALUES (%s, 'a')", [reader])
    tables = log.execute(
        "SELECT c.relname FROM pg_class AS c"
        " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p')"
    ).fetchall()
    with connect(log, reader) as conn:
        for (name,) in tables:
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier("audit", name)))
        for statement in (
            "INSERT INTO audit.tenant_readers VALUES (current_user, 'b')",
            "SELECT audit.seal()",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(statement)


def test_no_setting_of_the_readers_own_shows_it_more(log: Database) -> None:
    reader = member(log, "pgaudit_kit_reader")
    log.execute("INSERT INTO audit.tenant_readers VALUES (%s, 'a')", [reader])
    with connect(log, reader) as conn:
        for name, value in (
            ("pgaudit_kit.tenant_id", "b"),
            ("search_path", "pg_temp, public"),
            ("pgaudit_kit.context_audit", '{"tenant_id": "b"}'),
        ):
            conn.execute("SELECT set_config(%s, %s, false)", [name, value])
        conn.execute(
            "CREATE TEMPORARY TABLE tenant_readers AS SELECT current_user AS role, 'b'::text AS tenant_id"
        )
        assert tenants(conn, "events") == {"a": 2} == tenants(conn, "chain")
        conn.execute("SET row_security = off")
        with pytest.raises(errors.InsufficientPrivilege):
            tenants(conn, "events")


def test_a_function_that_leaks_is_given_rows_of_its_tenant_alone(log: Database) -> None:
    reader = member(log, "pgaudit_kit_reader")
    log.execute("INSERT INTO audit.tenant_readers VALUES (%s, 'a')", [reader])
    with connect(log, reader) as conn:
        notices: list[str] = []
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        conn.execute(
            "CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS"
            " $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        conn.execute("SELECT FROM audit.events WHERE pg_temp.leak(tenant_id) AND pg_temp.leak(record_key)")
        conn.execute("SELECT FROM audit.chain WHERE pg_temp.leak(tenant_id)")
        assert set(notices) <= {"a", "0", "1"}

"""Roles that PostgreSQL gives wide rights to, and readers with a search path of their own."""

from __future__ import annotations

import pytest
from psycopg import errors, sql

from tests.sealing import audited_table, events, one, seal_all, sealed_once, write
from tests.servers import Database, connect


@pytest.fixture
def log(kit_db: Database) -> Database:
    audited_table(kit_db, kit_db.dsn)
    write(kit_db, 1, 5)
    seal_all(kit_db)
    return kit_db


def member(db: Database, *of: str) -> str:
    name = db.role("wide")
    for role in of:
        db.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name)))
    return name


def test_a_role_that_may_read_and_write_all_data_neither_reads_nor_writes_the_log(log: Database) -> None:
    role = member(log, "pg_read_all_data", "pg_write_all_data")
    before = events(log)
    tables = [
        name
        for (name,) in log.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c"
            " WHERE c.relnamespace = 'audit'::regnamespace AND c.relrowsecurity"
        )
    ]
    with connect(log, role) as conn:
        for table in tables:
            assert one(conn, f"SELECT count(*) FROM {table}") == 0, table
            assert conn.execute(f"DELETE FROM {table}").rowcount == 0, table
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"TRUNCATE {table}")
        with pytest.raises(errors.InsufficientPrivilege, match="note_read"):
            conn.execute("SELECT FROM audit.events")
        assert one(conn, "SELECT count(*) FROM audit.chain") == 0
        for table in ("audit.change_events", "audit.change_events_default"):
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                conn.execute(
                    f"INSERT INTO {table} (event_id, occurred_at, transaction_id, operation, tenant_id)"
                    " VALUES (1, '2004-01-01', 1, 'I', 'a')"
                )
        for statement in (
            "INSERT INTO audit.maintenance_permits VALUES (txid_current())",
            "INSERT INTO audit.tenant_readers VALUES (current_user, 'a')",
        ):
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                conn.execute(statement)
    assert events(log) == before
    assert sealed_once(log)


def test_an_event_line_is_the_same_under_any_search_path(log: Database) -> None:
    auditor = member(log, "pgaudit_kit_auditor")
    log.execute(sql.SQL("CREATE SCHEMA evil AUTHORIZATION {}").format(sql.Identifier(auditor)))
    query = "SELECT pg_catalog.array_agg(audit.event_line(e) ORDER BY event_id) FROM audit.change_events AS e"
    plain = one(log, query)
    log.execute("CREATE DOMAIN evil.text AS pg_catalog.varchar(3)")
    log.execute(
        "CREATE FUNCTION evil.row_to_json(record) RETURNS json LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$"
    )
    log.execute("SET search_path = evil, pg_catalog")
    log.execute("SET TimeZone = 'Asia/Tokyo'")
    log.execute("SET DateStyle = 'SQL, DMY'")
    assert one(log, query) == plain

"""The tests' own servers."""

from __future__ import annotations

import psycopg
import pytest

from tests.servers import Database, PgServer, connect


def test_db_is_a_fresh_database_of_its_own(db: Database) -> None:
    db.execute("CREATE TABLE t (a int)")
    assert db.execute("SELECT current_database()").fetchone() == (db.name,)
    with connect(db) as other:
        assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_role_connects_under_its_name_and_goes_with_the_database(server: PgServer) -> None:
    with server.database() as db:
        role = db.role()
        db.execute(f"GRANT CREATE ON DATABASE {db.name} TO {role}")
        with connect(db, user=role) as conn:
            assert conn.execute("SELECT current_user").fetchone() == (role,)
    assert server.admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None


def test_a_template_is_built_once_and_cloned(server: PgServer) -> None:
    built: list[str] = []

    def build(dsn: str) -> None:
        built.append(dsn)
        with psycopg.connect(dsn) as conn:
            conn.execute("CREATE TABLE filled AS SELECT 1 AS a")

    for _ in range(2):
        with server.database(server.template("selftest", build)) as db:
            assert db.execute("SELECT a FROM filled").fetchone() == (1,)
    assert len(built) == 1


@pytest.mark.own_programs  # elsewhere it takes a setting of the server
def test_a_database_goes_even_with_prepared_transactions_and_slots(server: PgServer) -> None:
    with server.database() as db:
        db.execute(
            "SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [f"s{db.info.backend_pid}"]
        )
        db.execute("CREATE TABLE t (a int)")
        with connect(db, autocommit=False) as conn:
            conn.execute("INSERT INTO t VALUES (1)")
            conn.execute("PREPARE TRANSACTION 'kept'")
            conn.rollback()
    gone = server.admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [db.name]).fetchone()
    assert gone is None

"""Connections: pinned settings, refusals in the kit's terms, DDL that waits for locks briefly and again."""

import contextlib
import threading
from collections.abc import Iterator

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgaudit_kit import db as kit
from pgaudit_kit.errors import (
    InsufficientPrivilege,
    LockTimeout,
    ReadOnlyServer,
    ServerUnreachable,
    StatementTimeout,
    UnsupportedEncoding,
)
from pgaudit_kit.timeouts import Timeouts
from tests.servers import Database, connect

QUICK = Timeouts(lock="20ms")


@contextlib.contextmanager
def kit_connection(
    dsn: str, timeouts: Timeouts = QUICK, *, read_only: bool = False
) -> Iterator[kit.Connection]:
    with kit.connect(dsn, timeouts=timeouts, read_only=read_only) as conn:
        yield conn


def test_connection_is_not_led_astray_by_the_databases_settings(db: Database):
    name = sql.Identifier(db.name)
    for setting in (
        "search_path = hostile",
        "statement_timeout = '1ms'",
        "standard_conforming_strings = off",
    ):
        db.execute(sql.SQL("ALTER DATABASE {} SET " + setting).format(name))
    with kit_connection(db.dsn) as conn:
        shown = "SELECT current_setting('search_path'), current_setting('statement_timeout')"
        assert conn.execute(shown).fetchone() == ("pg_catalog, pg_temp", "0")
        assert conn.execute(r"SELECT '\' ").fetchone() == ("\\",)
        assert conn.execute("SHOW jit").fetchone() == ("off",)  # what is on unless said otherwise


def test_target_line_says_where_and_who(db: Database):
    with kit_connection(db.dsn) as conn:
        assert kit.target_line(conn) == f"{conn.info.host}:{conn.info.port}/{db.name} as {conn.info.user}"


def test_application_name_is_the_kits(db: Database):
    with kit_connection(make_conninfo(db.dsn, application_name="other")) as conn:
        assert conn.execute("SHOW application_name").fetchone() == ("pgaudit-kit",)


def test_read_only_connection_refuses_to_write(db: Database):
    with kit_connection(db.dsn, read_only=True) as conn, pytest.raises(ReadOnlyServer), kit.translated():
        conn.execute("CREATE TABLE public.t ()")


def test_missing_privilege_is_named(db: Database):
    db.execute("CREATE TABLE public.t ()")
    dsn = make_conninfo(db.dsn, user=db.role())
    with (
        kit_connection(dsn) as conn,
        pytest.raises(InsufficientPrivilege, match="permission denied for table t"),
        kit.translated(),
    ):
        conn.execute("TABLE public.t")


def test_statement_timeout_is_applied_and_translated(db: Database):
    with (
        kit_connection(db.dsn, Timeouts(statement="1ms")) as conn,
        pytest.raises(StatementTimeout),
        kit.translated(),
    ):
        conn.execute("SELECT pg_sleep(60)")


def test_database_that_does_not_exist_cannot_be_reached(db: Database):
    with pytest.raises(ServerUnreachable, match="absent_database"):
        kit.connect(make_conninfo(db.dsn, dbname="absent_database"), timeouts=QUICK)


def test_supported_database_passes_the_check(db: Database):
    with kit_connection(db.dsn) as conn:
        kit.check_server(conn)


def test_sql_ascii_database_is_refused(db: Database):
    name = f"{db.name}_ascii"
    options = sql.SQL("CREATE DATABASE {} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    db.execute(options.format(sql.Identifier(name)))
    try:
        with (
            kit_connection(make_conninfo(db.dsn, dbname=name)) as conn,
            pytest.raises(UnsupportedEncoding),
        ):
            kit.check_server(conn)
    finally:
        db.server.drop_database(name)


def test_ddl_is_one_transaction(db: Database):
    def work(conn: kit.Connection) -> None:
        conn.execute("CREATE TABLE public.t ()")
        conn.execute("SELECT 1 / 0")

    with kit_connection(db.dsn) as conn, pytest.raises(Exception, match="division by zero"):
        kit.run_ddl(conn, work, timeouts=QUICK)
    assert db.execute("SELECT to_regclass('public.t')").fetchone() == (None,)


def test_ddl_tries_again_until_the_lock_is_free(db: Database):
    db.execute("CREATE TABLE public.t ()")
    attempts: list[int] = []
    with connect(db, autocommit=False) as holder, kit_connection(db.dsn) as conn:
        holder.execute("LOCK TABLE public.t")

        def work(conn: kit.Connection) -> str:
            attempts.append(1)
            if len(attempts) == 2:
                threading.Thread(target=holder.rollback).start()
            conn.execute("ALTER TABLE public.t ADD a int")
            return "done"

        assert kit.run_ddl(conn, work, timeouts=Timeouts(lock="200ms")) == "done"
    assert len(attempts) >= 2


def test_ddl_gives_up_with_lock_timeout(db: Database, monkeypatch: pytest.MonkeyPatch):
    db.execute("CREATE TABLE public.t ()")
    monkeypatch.setattr(kit, "DDL_ATTEMPTS", 2)
    with connect(db, autocommit=False) as holder, kit_connection(db.dsn) as conn:
        holder.execute("LOCK TABLE public.t")
        with pytest.raises(LockTimeout):
            kit.run_ddl(conn, lambda conn: conn.execute("ALTER TABLE public.t ADD a int"), timeouts=QUICK)
        holder.rollback()

"""Databases whose partitions pg_partman makes: 4.7 where the server has it, 5.x on PostgreSQL 18."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.kit import run
from tests.partman.files import NotThere, extension_folder, required
from tests.servers import PgServer

CONFIG = '[partitions]\ninterval = "{interval}"\npremake = {premake}\nmanager = "{manager}"\n'


def version_on(server: PgServer) -> str:
    """The major version of pg_partman for tests on this server, `4` or `5`; skips where there is none."""
    if server.name == "embedded":
        try:
            extension_folder()
        except NotThere as error:
            _absent("5", f"no pg_partman 5.x: {error}")
        return "5"
    found = server.admin.execute(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'pg_partman'"
    ).fetchone()
    if found is None or not found[0].startswith(("4.7", "4.8", "5.")):
        _absent("4", f"server {server.name} has no pg_partman 4.7 or later")
    assert found is not None
    version: str = found[0]
    return version[0]


def _absent(version: str, why: str) -> None:
    if version in required():
        pytest.fail(f"PGAUDIT_KIT_REQUIRE_PARTMAN: {why}")
    pytest.skip(why)


def create_partman(
    dsn: str, server: PgServer, *, schema: str = "partman", version: str | None = None
) -> None:
    """CREATE EXTENSION as a superuser; the newest version that there is, unless told otherwise."""
    version_on(server)
    with psycopg.connect(dsn, autocommit=True) as conn:
        see_partman(conn, server)
        conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        conn.execute(
            sql.SQL("CREATE EXTENSION pg_partman SCHEMA {} {}").format(
                sql.Identifier(schema),
                sql.SQL("VERSION {}").format(sql.Literal(version)) if version else sql.SQL(""),
            )
        )


def see_partman(conn: psycopg.Connection, server: PgServer) -> None:
    """Let this session find the files of 5.x."""
    if server.name == "embedded":
        conn.execute(
            "SELECT set_config('extension_control_path', %s, false)", [f"{extension_folder()}:$system"]
        )


def configured(folder: Path, *, manager: str = "partman", interval: str = "1 day", premake: int = 7) -> Path:
    """A configuration file that says so."""
    file = folder / "pgaudit.toml"
    file.write_text(CONFIG.format(manager=manager, interval=interval, premake=premake), encoding="utf-8")
    return file


def partman_template(server: PgServer) -> str:
    """The database with pg_partman and the kit, which uses it."""

    def build(dsn: str) -> None:
        create_partman(dsn, server)
        answer = run("--dsn", dsn, "install", "--yes")
        assert answer.code == 0, answer.err

    version_on(server)
    return server.template("partman", build)

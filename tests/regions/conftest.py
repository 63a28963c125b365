"""Tablespaces, and a log to put there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql

from tests.kit import Kit
from tests.regions import placement
from tests.servers import Database, PgServer, unique


@dataclass
class Log:
    """A database with the log of `placement.build`, and two tablespaces."""

    db: Database
    kit: Kit
    space: str
    other: str


@pytest.fixture
def spaces(server: PgServer) -> Iterator[list[str]]:
    """Two tablespaces, dropped after the database."""
    if server.major < 15:
        pytest.skip("tablespaces in place come with PostgreSQL 15")
    names = [unique("eu"), unique('other "x"')]
    server.admin.execute("SET allow_in_place_tablespaces = on")
    for name in names:
        server.admin.execute(sql.SQL("CREATE TABLESPACE {} LOCATION ''").format(sql.Identifier(name)))
    try:
        yield names
    finally:
        for name in names:
            server.admin.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(name)))


@pytest.fixture
def log(server: PgServer, spaces: list[str], tmp_path: Path) -> Iterator[Log]:
    """A log with events of two days ago and of now, not divided."""
    with server.database(server.template("regions", placement.build)) as db:
        yield Log(db, Kit(db.dsn, tmp_path / "pgaudit.toml"), *spaces)

"""pg_dump and pg_restore on the tests' servers."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.restore.programs import call, newest
from tests.restore.story import lines
from tests.servers import Database, PgServer


def dump(source: PgServer, name: str, target: Path, *options: str, reader: PgServer | None = None) -> Path:
    call(newest(source, reader or source), "pg_dump", *options, "--file", target, source.dsn(name))
    return target


def restore(source: Path, target: Database, *options: str, code: int | None = 0) -> str:
    return call(newest(target.server), "pg_restore", *options, "--dbname", target.dsn, source, code=code)


def source_lines(server: PgServer, name: str) -> list[str]:
    with psycopg.connect(server.dsn(name), autocommit=True) as conn:
        return lines(conn)

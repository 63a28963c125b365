"""CREATE DATABASE … TEMPLATE is another incarnation; a new name is none."""

from __future__ import annotations

import psycopg
from psycopg import sql

from tests.kit import Kit
from tests.restore.dumps import source_lines
from tests.restore.story import assert_goes_on, lines
from tests.servers import PgServer, unique


def test_a_clone_goes_on_and_a_new_name_changes_nothing(server: PgServer, source: str):
    name = server.create_database(source)
    try:
        with psycopg.connect(server.dsn(name), autocommit=True) as conn:
            assert lines(conn) == source_lines(server, source)
            assert Kit(server.dsn(name)).plan() == []
            assert_goes_on(conn)
        renamed = unique("renamed")
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        server.admin.execute(rename.format(sql.Identifier(name), sql.Identifier(renamed)))
        name = renamed
        with psycopg.connect(server.dsn(name), autocommit=True) as conn:
            assert Kit(server.dsn(name)).plan() == []
            assert_goes_on(conn, new=0, n=5)
    finally:
        server.drop_database(name)

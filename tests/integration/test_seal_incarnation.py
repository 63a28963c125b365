"""A clone or a restored dump is a new incarnation: transaction ids may start anew, events may not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgaudit_kit.chain import Incarnation, parse_header
from pgaudit_kit.server import ephemeral_server
from tests.sealing import (
    assert_sound,
    audited_table,
    blocks,
    events,
    one,
    seal,
    seal_all,
    sealed,
    sealed_once,
    write,
)
from tests.servers import SETTINGS, PgServer, cluster_folder, find_servers

Connection = psycopg.Connection[Any]


@pytest.fixture
def fresh(server: PgServer) -> Iterator[str]:
    """The DSN of a database on a cluster of its own, whose transaction ids have just begun."""
    with ephemeral_server(
        binaries=find_servers().binaries[server.name], settings=SETTINGS, base=cluster_folder()
    ) as own:
        with psycopg.connect(own.dsn(), autocommit=True) as conn:
            conn.execute("CREATE DATABASE fresh")
        yield own.dsn("fresh")


def fill(dsn: str) -> None:
    """Events that are sealed, and three that are not."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        audited_table(conn, dsn)
        write(conn, 1, 5)
        seal_all(conn)
        write(conn, 10, 3)


def take_over(dsn: str) -> None:
    """What the copy must do, with transactions under way while it seals for the first time."""
    with connected(dsn) as conn, connected(dsn) as idle, connected(dsn) as prepared:
        before = incarnation(conn)
        with idle.transaction():
            write(idle, 20, 2)
            prepared.execute("BEGIN")
            write(prepared, 30)
            prepared.execute("PREPARE TRANSACTION 'under way'")
            write(conn, 40, 4)
            assert seal(conn) == 3 + 4
            for at in (50, 51):
                write(conn, at)
                seal(conn)
            write(idle, 22)
            assert one(conn, "SELECT drained_at_xid IS NOT NULL FROM audit.seal_state")
        assert seal(conn) == 3
        conn.execute("COMMIT PREPARED 'under way'")
        assert seal(conn) == 1
        write(conn, 60)
        assert seal(conn) == 1
        assert seal(conn) == 0
        assert sealed_once(conn)
        assert_sound(conn)
        assert one(conn, "SELECT drained_at_xid IS NULL FROM audit.seal_state")
        _assert_told(conn, before)


def connected(dsn: str) -> Connection:
    return psycopg.connect(dsn, autocommit=True)


def incarnation(conn: Connection) -> Incarnation:
    """That of the newest seal record."""
    found = parse_header(blocks(conn)["_system"][-1].header or "").incarnation
    assert found is not None
    return found


def _assert_told(conn: Connection, before: Incarnation) -> None:
    after = incarnation(conn)
    assert (after.system_identifier, after.database_oid) != (before.system_identifier, before.database_oid)
    (told,) = conn.execute(
        "SELECT e.new_values FROM audit.change_events AS e"
        " WHERE e.operation = 'C' AND e.new_values ->> 'kind' = 'incarnation'"
    ).fetchall()
    assert told[0]["before"]["system_identifier"] == before.system_identifier
    assert told[0]["after"]["event_id_boundary"] == after.event_id_boundary > before.event_id_boundary


def test_a_cloned_database_goes_on_with_the_chain(server: PgServer, kit_db: object) -> None:
    source = server.create_database(server.template("kit", lambda dsn: None))
    try:
        fill(server.dsn(source))
        with server.database(source) as clone:
            take_over(clone.dsn)
        with connected(server.dsn(source)) as original:
            seal_all(original)
            assert sealed_once(original)
            assert_sound(original)
    finally:
        server.drop_database(source)


@pytest.mark.own_programs
def test_a_dump_restored_where_transaction_ids_are_lower(server: PgServer, kit_db: Any, fresh: str) -> None:
    burn(kit_db.dsn, fresh)
    fill(kit_db.dsn)
    restore(server, kit_db.dsn, fresh)
    take_over(fresh)


@pytest.mark.own_programs
def test_a_dump_restored_where_transaction_ids_are_higher(server: PgServer, db: Any, fresh: str) -> None:
    from tests.conftest import install_kit

    install_kit(fresh)
    fill(fresh)
    burn(db.dsn, fresh)
    restore(server, fresh, db.dsn)
    take_over(db.dsn)


def test_an_id_that_the_sequence_would_give_again_is_not_given(server: PgServer, kit_db: Any) -> None:
    # as a logical replica that is promoted: rows arrive, sequences do not
    audited_table(kit_db, kit_db.dsn)
    write(kit_db, 1, 50)
    seal_all(kit_db)
    kit_db.execute("UPDATE audit.seal_state SET system_identifier = 1")
    kit_db.execute("SELECT setval('audit.event_id_seq', 1)")
    seal_all(kit_db)
    write(kit_db, 100, 5)
    seal_all(kit_db)
    assert len(sealed(kit_db)) == len(set(sealed(kit_db)))
    assert max(events(kit_db)) > 55
    assert_sound(kit_db)


def burn(higher: str, lower: str) -> None:
    """Uses up transaction ids of one cluster until they are above the other's."""
    with connected(higher) as conn, connected(lower) as other:
        conn.execute(
            "CREATE PROCEDURE pg_temp.burn(n integer) LANGUAGE plpgsql AS $$ BEGIN"
            " FOR i IN 1 .. n LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$"
        )
        goal = one(other, "SELECT txid_current()") + 1000
        conn.execute(
            sql.SQL("CALL pg_temp.burn({})").format(max(goal - one(conn, "SELECT txid_current()"), 0))
        )


def restore(server: PgServer, source: str, target: str) -> None:
    """`pg_dump | psql`, after the roles."""
    assert server.bindir is not None
    roles = _run([server.bindir / "pg_dumpall", "--roles-only", "-d", source])
    _run([server.bindir / "psql", "-qX", "-d", target], roles)  # roles that are there are no failure
    dump = _run([server.bindir / "pg_dump", "-d", source])
    _run([server.bindir / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", target], dump)


def _run(command: list[Any], text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

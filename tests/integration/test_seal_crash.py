"""A server that crashes while it seals: after its recovery every event is in one block, or in none yet."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import psycopg
import pytest

from pgaudit_kit.server import ephemeral_server
from tests.conftest import install_kit
from tests.sealing import assert_sound, audited_table, one, seal, seal_all, sealed_once, write
from tests.servers import SETTINGS, PgServer, cluster_folder, find_servers


def again(dsn: str) -> psycopg.Connection[Any]:
    """A connection, once the server has recovered: it may take a moment to notice that it must."""
    until = time.monotonic() + 60
    while True:
        try:
            conn = psycopg.connect(dsn, autocommit=True)
            conn.execute("SELECT pg_sleep(0.3)")
            return conn
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.mark.long
@pytest.mark.own_programs
def test_a_server_that_crashes_while_it_seals(server: PgServer) -> None:
    programs = find_servers().binaries[server.name]
    settings = {**SETTINGS, "restart_after_crash": "on"}
    with ephemeral_server(binaries=programs, settings=settings, base=cluster_folder()) as own:
        dsn = own.dsn()
        install_kit(dsn)
        with again(dsn) as conn:
            audited_table(conn, dsn)
            seal_all(conn)
            conn.execute("BEGIN")
            write(conn, 1, 3)
            conn.execute("PREPARE TRANSACTION 'across the crash'")
        for at, delay in enumerate((0.0, 0.01, 0.03, 0.08)):
            with again(dsn) as conn:
                write(conn, (at + 1) * 100_000, 5000)
            _crash_while_sealing(dsn, delay)
        with again(dsn) as conn:
            assert_sound(conn)
            conn.execute("COMMIT PREPARED 'across the crash'")
            assert seal(conn) >= 3
            assert sealed_once(conn)
            assert one(conn, "SELECT count(*) FROM audit.change_events WHERE operation = 'I'") == 20_003
            assert_sound(conn)


def _crash_while_sealing(dsn: str, delay: float) -> None:
    """Kills the backend in its seal or just after it; all others go down with it."""
    sealer = again(dsn)
    killer = threading.Timer(delay, os.kill, [sealer.info.backend_pid, signal.SIGKILL])
    killer.start()
    with pytest.raises(psycopg.OperationalError):
        while True:
            seal(sealer)
    killer.join()
    sealer.close()

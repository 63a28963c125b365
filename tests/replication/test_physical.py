"""A standby reads and never seals; after a failover or a recovery to an earlier point the chain goes on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from pgaudit_kit.db import kit_error
from pgaudit_kit.server.postmaster import wait_until
from pgaudit_kit.verify.session import snapshot
from tests.kit import Kit, run
from tests.replication.conftest import Primary
from tests.restore.clusters import connected
from tests.restore.story import assert_goes_on, incarnations, lines, work
from tests.sealing import assert_sound, one, seal, seal_all, sealed_once

Connection = psycopg.Connection[Any]


def await_replay(source: Connection, standby: Connection) -> None:
    lsn = one(source, "SELECT pg_current_wal_insert_lsn()")
    replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    assert wait_until(lambda: bool(one(standby, replayed, [lsn])), 30)


def promote(conn: Connection) -> None:
    assert one(conn, "SELECT pg_promote(true, 60)")


def timelines(conn: Connection) -> list[int]:
    query = "SELECT header::jsonb #>> '{incarnation,timeline}' FROM audit.blocks ORDER BY log_index"
    return sorted({int(timeline) for (timeline,) in conn.execute(query) if timeline is not None})


def test_a_standby_reads_then_takes_over(primary: Primary) -> None:
    with connected(primary.cluster) as source:
        seal_all(source)
        standby = primary.place.standby(primary.cluster, "standby")
        with primary.place.running(standby), connected(standby) as conn:
            work(source, 50)
            seal(source)
            work(source, 60)
            source.execute(
                "BEGIN; INSERT INTO public.doc VALUES (65, 't', 'v', 'e'); PREPARE TRANSACTION 'later'"
            )
            with connected(primary.cluster) as other, other.transaction(force_rollback=True):
                work(other, 61)  # never commits: the primary is lost
                seal(source)
                work(source, 70)
                await_replay(source, conn)
                _assert_readable(conn, lines(source))
                _assert_commands(standby.dsn())
                promote(conn)
            assert_goes_on(conn, n=80)
            conn.execute("COMMIT PREPARED 'later'")
            assert one(conn, "SELECT count(*) FROM audit.events WHERE record_key = '65'") == 1
            assert_goes_on(conn, new=0, n=85)
            assert timelines(conn) == [1, 2]
            Kit(standby.dsn())("plan", "--exit-code")
        source.execute("ROLLBACK PREPARED 'later'")


def _assert_readable(conn: Connection, expected: list[str]) -> None:
    assert lines(conn) == expected
    assert_sound(conn)
    assert one(conn, "SELECT count(*) FROM audit.events") == len(expected)
    assert one(conn, "SELECT count(*) FROM audit.chain") > 0
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="seals are made on the primary"):
        seal(conn)


def _assert_commands(dsn: str) -> None:
    """No traceback (tests.kit insists), and exit codes that a script can use."""
    answer = run("--dsn", dsn, "seal")
    assert answer.code == 3
    assert "primary" in answer.err
    assert run("--dsn", dsn, "plan", "--exit-code").code == 0
    assert run("--dsn", dsn, "install", "--yes").code == 0, "nothing to do"
    assert run("--dsn", dsn, "disable", "public.doc", "--yes").code == 3
    for command in ("status", "doctor"):
        assert run("--dsn", dsn, command).code == 0
    assert run("--dsn", dsn, "verify", "--all").code == 0


def test_recovery_to_an_earlier_point(primary: Primary) -> None:
    """The log is that of then; a checkpoint kept outside tells that there was more."""
    with connected(primary.cluster) as source:
        earlier = primary.place.base_backup(primary.cluster, "earlier")
        work(source, 10)
        seal_all(source)
        work(source, 11)
        expected = lines(source)
        source.execute("SELECT pg_create_restore_point('here')")
        work(source, 12)
        seal_all(source)
        lost = one(source, "SELECT log_size FROM audit.seal_state")
        segment = one(source, "SELECT pg_walfile_name(pg_switch_wal())")
        assert wait_until((primary.archive / segment).exists, 30)
    (earlier.data_dir / "recovery.signal").touch()
    settings = {
        "restore_command": f'cp "{primary.archive}/%f" "%p"',
        "recovery_target_name": "here",
        "recovery_target_action": "promote",
    }
    with primary.place.running(earlier, settings), connected(earlier) as conn:
        assert wait_until(lambda: not one(conn, "SELECT pg_is_in_recovery()"), 30)
        assert lines(conn) == expected
        assert one(conn, "SELECT log_size FROM audit.seal_state") < lost
        assert incarnations(conn) == 0
        assert_goes_on(conn, n=20)
        assert timelines(conn) == [1, 2]
        assert sealed_once(conn)


def test_conflicts_with_recovery_are_no_findings(primary: Primary) -> None:
    """The standby gives way at once: to a lock of the primary's that verify waits for, and that it holds."""
    settings = {"max_standby_streaming_delay": "0", "hot_standby_feedback": "on"}
    with connected(primary.cluster) as source:
        standby = primary.place.standby(primary.cluster, "conflicts")
        with primary.place.running(standby, settings), connected(standby) as conn:
            work(source, 90)
            seal_all(source)
            with source.transaction(force_rollback=True):
                source.execute("LOCK TABLE audit.blocks")
                await_replay(source, conn)
                waited = run("--dsn", standby.dsn(), "verify", "--all")
            assert waited.code == 3
            assert "error[lock-timeout]" in waited.err
            await_replay(source, conn)
            with ThreadPoolExecutor(1) as pool:
                reading = pool.submit(_read_for_long, standby.dsn())
                asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                assert wait_until(lambda: one(conn, asleep) == 1, 30)
                with source.transaction(force_rollback=True):
                    source.execute("LOCK TABLE audit.blocks")
                    source.execute("SELECT pg_switch_wal()")  # sent now, not with the next commit
                    with pytest.raises(psycopg.errors.SerializationFailure, match="conflict") as cancelled:
                        reading.result(60)
            assert kit_error(cancelled.value).exit_code == 3
            await_replay(source, conn)
            Kit(standby.dsn())("verify", "--all")


def _read_for_long(dsn: str) -> None:
    """As verify reads blocks: an error about what is stored would be kept as a fact."""
    with (
        psycopg.connect(dsn, autocommit=True) as conn,
        snapshot(conn, "audit") as session,
        session.readable(),
    ):
        conn.execute("SELECT FROM audit.blocks")
        conn.execute("SELECT pg_sleep(60)")

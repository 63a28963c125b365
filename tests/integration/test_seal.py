"""seal(): what it seals, what it leaves for the next one, and what cannot hold it up."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest
from psycopg import errors, sql

from pgaudit_kit.server.postmaster import wait_until
from tests.kit import run
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
from tests.servers import Database, connect


@pytest.fixture
def log(kit_db: Database) -> Database:
    """A database with an audited table; nothing is unsealed."""
    audited_table(kit_db, kit_db.dsn)
    seal_all(kit_db)
    return kit_db


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_other_isolation_levels_are_refused(log: Database, level: str) -> None:
    write(log, 1)
    with pytest.raises(errors.InvalidTransactionState) as caught, log.transaction():
        log.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        seal(log)
    assert caught.value.sqlstate == "25000"
    assert caught.value.diag.message_hint == "Call it in a transaction of its own."
    assert seal(log) == 1


def test_a_second_sealer_ends_at_once(log: Database) -> None:
    write(log, 1)
    with connect(log) as other, log.transaction():
        assert seal(log) == 1
        started = time.monotonic()
        assert seal(other) == 0
        assert time.monotonic() - started < 1
    assert seal(log) == 0
    assert sealed_once(log)


SEALS = "import sys, psycopg; psycopg.connect(sys.argv[1], autocommit=True).execute('SELECT audit.seal()')"


def test_a_seal_whose_client_was_killed_goes_on_and_others_leave_it_alone(log: Database) -> None:
    """Its session does not look at the client before it has an answer: what it sealed is sealed."""
    write(log, 1)
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'audit.blocks'::regclass AND NOT granted"
    with connect(log) as other:
        with other.transaction():
            other.execute("LOCK TABLE audit.blocks IN SHARE MODE")
            client = subprocess.Popen([sys.executable, "-c", SEALS, log.dsn])
            assert wait_until(lambda: one(log, waiting) == 1, 30)
            client.kill()
            assert client.wait() == -signal.SIGKILL
            assert seal(log) == 0
            assert one(log, waiting) == 1
            assert not sealed_once(log)
        seal_all(log)
    assert sealed_once(log)
    assert_sound(log)


def test_a_running_dump_does_not_hold_sealing_up(log: Database) -> None:
    # pg_dump locks every table like this until it ends
    with connect(log) as dump, dump.transaction():
        names = dump.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c"
            " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p')"
        ).fetchall()
        dump.execute(f"LOCK TABLE {', '.join(name for (name,) in names)} IN ACCESS SHARE MODE")
        write(log, 1)
        assert seal(log) == 1


def test_what_the_sealing_transaction_itself_wrote_is_sealed_by_the_next(log: Database) -> None:
    before = len(sealed(log))
    with log.transaction():
        write(log, 1)
        assert seal(log) == 0
        write(log, 2)
        assert seal(log) == 0
    assert len(sealed(log)) == before
    assert seal(log) == 2
    assert seal(log) == 0
    assert sealed_once(log)
    assert_sound(log)


def test_events_of_others_are_sealed_beside_ones_own(log: Database) -> None:
    with connect(log) as other, log.transaction():
        write(log, 1)
        write(other, 2)
        assert seal(log) == 1
    assert seal(log) == 1
    assert sealed_once(log)


def test_a_seal_that_is_rolled_back_was_none(log: Database) -> None:
    write(log, 1)
    with log.transaction(force_rollback=True):
        assert seal(log) == 1
    with log.transaction():
        with log.transaction(force_rollback=True):
            assert seal(log) == 1
        assert seal(log) == 1
    assert sealed_once(log)
    assert_sound(log)


def test_events_of_savepoints_are_sealed_if_they_were_kept(log: Database) -> None:
    with log.transaction():
        with log.transaction():
            write(log, 1)
        with log.transaction(force_rollback=True):
            write(log, 2)
    assert seal(log) == 1
    assert sealed_once(log)


def test_an_open_transaction_is_sealed_once_it_commits_and_holds_nobody_up(log: Database) -> None:
    with connect(log) as idle:
        with idle.transaction():
            write(idle, 1)
            for at in range(2, 6):
                write(log, at)
                assert seal(log) == 1
        assert seal(log) == 1
    assert sealed_once(log)
    assert_sound(log)


def test_a_prepared_transaction_is_sealed_once_it_commits_and_holds_nobody_up(log: Database) -> None:
    log.execute("BEGIN")
    write(log, 1)
    log.execute(sql.SQL("PREPARE TRANSACTION {}").format(log.name))
    for at in range(2, 6):
        write(log, at)
        assert seal(log) == 1
    log.execute(sql.SQL("COMMIT PREPARED {}").format(log.name))
    assert seal(log) == 1
    assert sealed_once(log)


def test_an_idle_seal_makes_no_block_until_a_heartbeat_is_due(log: Database) -> None:
    size = one(log, "SELECT log_size FROM audit.seal_state")
    assert seal(log) == 0
    assert one(log, "SELECT log_size FROM audit.seal_state") == size
    log.execute("UPDATE audit.seal_state SET sealed_at = sealed_at - interval '61 seconds'")
    assert seal(log) == 0
    assert one(log, "SELECT log_size FROM audit.seal_state") == size + 1
    last = blocks(log)["_system"][-1]
    assert (last.event_count, last.first_event_id, last.last_event_id) == (0, None, None)
    assert_sound(log)


def test_an_idle_seal_uses_no_transaction_id(log: Database) -> None:
    def next_id() -> int:
        return int(one(log, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))

    before = next_id()
    seal(log)
    assert next_id() == before


def test_a_block_holds_65536_events_at_most(log: Database) -> None:
    write(log, 1, 65_536 * 2 + 1)
    write(log, 200_000, tenant="b")
    assert seal(log) == 65_536 * 2 + 2
    assert [block.event_count for block in blocks(log)["a"]] == [65_536, 65_536, 1]
    assert sealed_once(log)
    assert_sound(log)


def test_a_block_ends_where_a_million_of_numbers_does(log: Database) -> None:
    # one aggregate holds the events of 2^20 numbers at most
    log.execute("SELECT setval('audit.event_id_seq', (1 << 20) - 3)")
    write(log, 1, 5)
    assert seal(log) == 5
    assert [block.event_ids for block in blocks(log)["a"]] == [
        [(1 << 20) - 2, (1 << 20) - 1],
        [1 << 20, (1 << 20) + 1, (1 << 20) + 2],
    ]
    assert sealed_once(log)
    assert_sound(log)


def test_a_clock_set_back_loses_nothing(log: Database) -> None:
    # as if the last seals had been made while the clock was two hours ahead
    log.execute("UPDATE audit.seal_state SET sealed_at = sealed_at + interval '2 hours'")
    log.execute("UPDATE audit.seal_horizon SET began_at = began_at + interval '2 hours'")
    with connect(log) as idle:
        with idle.transaction():
            write(idle, 1)
            write(log, 2)
            assert seal(log) == 1
            write(log, 3)
            assert seal(log) == 1
        assert seal(log) == 1
    assert sealed_once(log)


def test_a_transaction_that_began_while_nobody_sealed_is_found(log: Database) -> None:
    # as if the last seal had been five hours ago, and the idle transaction had written four hours ago
    log.execute("UPDATE audit.seal_state SET sealed_at = sealed_at - interval '5 hours'")
    log.execute("UPDATE audit.seal_horizon SET began_at = began_at - interval '5 hours'")
    with connect(log) as idle:
        with idle.transaction():
            idle.execute(
                "INSERT INTO audit.change_events"
                " (event_id, occurred_at, transaction_id, operation, tenant_id) VALUES"
                " (nextval('audit.event_id_seq'), now() - interval '4 hours', txid_current(), 'I', 'a')"
            )
            for at in range(3):
                seal(log)
                write(log, at)
        seal(log)
    assert sealed_once(log)


def test_old_partitions_are_not_opened(log: Database) -> None:
    for day in range(60):
        log.execute(
            "SELECT audit.add_partition('audit.change_events', d, d + interval '1 day')"
            " FROM (SELECT '2020-01-01 00:00+00'::timestamptz + %s * interval '1 day' AS d) AS x",
            [day],
        )
    for at in range(3):
        write(log, at)
        seal(log)
    write(log, 10)
    with log.transaction():
        assert seal(log) >= 1
        leaves = one(
            log,
            "SELECT count(DISTINCT l.relation) FROM pg_locks AS l"
            " INNER JOIN pg_inherits AS i ON i.inhrelid = l.relation"
            " WHERE l.pid = pg_backend_pid() AND i.inhparent = 'audit.change_events'::regclass",
        )
    assert leaves <= 15, "the default partition, today's and those to come"


def test_a_sealer_that_is_killed_leaves_nothing_half_done(log: Database) -> None:
    write(log, 1, 20_000)
    before = (len(sealed(log)), one(log, "SELECT log_size FROM audit.seal_state"))
    with connect(log) as sealer:
        with pytest.raises(psycopg.OperationalError), sealer.transaction():
            assert seal(sealer) == 20_000
            log.execute("SELECT pg_terminate_backend(%s, 5000)", [sealer.info.backend_pid])
            sealer.execute("SELECT 1")
    with connect(log) as sealer:
        timer = threading.Timer(0.05, sealer.cancel)
        timer.start()
        with pytest.raises(errors.QueryCanceled):
            while True:
                with sealer.transaction(force_rollback=True):
                    seal(sealer)
        timer.join()
    assert before == (len(sealed(log)), one(log, "SELECT log_size FROM audit.seal_state"))
    assert seal(log) == 20_000
    assert sealed_once(log)
    assert_sound(log)


def test_sealers_may_seal_and_nothing_else(log: Database) -> None:
    outsider, sealer = log.role("outsider"), log.role("sealer")
    log.execute(sql.SQL("GRANT pgaudit_kit_sealer TO {}").format(sql.Identifier(sealer)))
    write(log, 1)
    with connect(log, outsider) as conn, pytest.raises(errors.InsufficientPrivilege):
        seal(conn)
    with connect(log, sealer) as conn:
        assert seal(conn) == 1
        for query in (
            "SELECT * FROM audit.blocks",
            "SELECT * FROM audit.events",
            "SELECT audit.merkle_root('')",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(query)
    write(log, 2)
    answer = run("--dsn", log.server.dsn(log.name, sealer), "seal", "--json")
    assert answer.code == 0, answer.err
    assert sealed_once(log)


def test_each_tenant_has_a_chain_of_its_own(log: Database) -> None:
    for at, tenant in enumerate(["a", "b", "a", "Ünïcode '\"\\", "b"]):
        write(log, at, tenant=tenant)
        seal(log)
    chains = blocks(log)
    assert {tenant: len(chain) for tenant, chain in chains.items() if tenant != "_system"} == {
        "a": 2,
        "b": 2,
        "Ünïcode '\"\\": 1,
    }
    assert_sound(log)
    assert len(events(log)) == len(sealed(log))


def test_a_seal_does_not_read_what_is_sealed_of_a_day_without_statistics(kit_db: Database):
    audited_table(kit_db, kit_db.dsn)
    write(kit_db, 1, 20_000)
    seal_all(kit_db)
    query = one(kit_db, "SELECT audit.seal_query(false, false)")
    values = [one(kit_db, "SELECT txid_current()"), 0, 0, "yesterday", [5], False]
    types = ("$1::bigint", "$2::bigint", "$3::bigint", "$4::timestamptz", "$5::bigint[]", "$6::boolean")
    for number, typed in enumerate(types, 1):
        query = query.replace(f"${number}", typed)
    plan = psycopg.RawCursor(kit_db).execute(f"EXPLAIN (COSTS OFF) {query}", values).fetchall()
    scans = "\n".join(line for (line,) in plan)
    assert "Index Cond: (transaction_id >= " in scans
    assert "_pkey" not in scans
    assert "Seq Scan on change_events_p" not in scans.split("Append")[1].partition("change_events_default")[0]

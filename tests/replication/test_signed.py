"""A signed log goes on after a failover and in a restored dump; after a recovery under another name."""

from __future__ import annotations

from pathlib import Path

from pgaudit_kit.server.postmaster import wait_until
from tests.replication.conftest import Primary
from tests.replication.test_physical import await_replay, promote
from tests.restore.clusters import connected
from tests.restore.programs import call
from tests.restore.story import work
from tests.sealing import one, seal_all
from tests.signing.keyring import Keyring


def test_a_promoted_standby_goes_on_with_the_same_log(primary: Primary, tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    with connected(primary.cluster) as source:
        seal_all(source)
        keyring.sign(primary.cluster.dsn())
        standby = primary.place.standby(primary.cluster, "signed")
        with primary.place.running(standby), connected(standby) as conn:
            work(source, 20)
            seal_all(source)
            keyring.sign(primary.cluster.dsn())
            await_replay(source, conn)
            assert keyring.verify(standby.dsn()).json["proof"]["integrity"] == "anchored"
            promote(conn)
            work(conn, 30)
            seal_all(conn)
            keyring.sign(standby.dsn())
            proof = keyring.verify(standby.dsn()).json["proof"]
    assert proof["anchored_size"] == proof["log_size"]


def test_a_recovery_to_an_earlier_point_needs_another_name(primary: Primary, tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    with connected(primary.cluster) as source:
        seal_all(source)
        earlier = primary.place.base_backup(primary.cluster, "signed-earlier")
        work(source, 40)
        seal_all(source)
        keyring.sign(primary.cluster.dsn())
        source.execute("SELECT pg_create_restore_point('signed')")
        work(source, 41)
        seal_all(source)
        keyring.sign(primary.cluster.dsn())
        segment = one(source, "SELECT pg_walfile_name(pg_switch_wal())")
        assert wait_until((primary.archive / segment).exists, 30)
    (earlier.data_dir / "recovery.signal").touch()
    settings = {
        "restore_command": f'cp "{primary.archive}/%f" "%p"',
        "recovery_target_name": "signed",
        "recovery_target_action": "promote",
    }
    with primary.place.running(earlier, settings), connected(earlier) as conn:
        assert wait_until(lambda: not one(conn, "SELECT pg_is_in_recovery()"), 30)
        kinds = {finding["kind"] for finding in keyring.verify(earlier.dsn(), code=1).json["findings"]}
        assert kinds == {"checkpoint-ahead"}
        work(conn, 42)
        seal_all(conn)
        assert "log-forked" in keyring.sign(earlier.dsn(), code=1).err
        keyring.name(keyring.origin, f"{keyring.origin}/2")
        keyring.sign(earlier.dsn(), "--restored", "--origin", f"{keyring.origin}/2")
        seal_all(conn)
        keyring.sign(earlier.dsn())
        answer = keyring.verify(earlier.dsn())
    assert any("restored on purpose" in note["message"] for note in answer.json["notes"])


def test_a_restored_dump_of_all_that_was_signed_goes_on(primary: Primary, tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    with connected(primary.cluster) as source:
        work(source, 50)
        seal_all(source)
        keyring.sign(primary.cluster.dsn())
        file = tmp_path / "dump"
        call(primary.place.binaries.bindir, "pg_dump", "-Fc", "--file", file, primary.cluster.dsn())
        source.execute("CREATE DATABASE restored")
    dsn = primary.cluster.dsn().replace("/postgres?", "/restored?")
    assert dsn != primary.cluster.dsn()
    call(primary.place.binaries.bindir, "pg_restore", "--dbname", dsn, file)
    assert keyring.verify(dsn).json["proof"]["integrity"] == "anchored"
    with connected(primary.cluster, "restored") as conn:
        work(conn, 60)
        seal_all(conn)
    keyring.sign(dsn)
    keyring.verify(dsn)

"""pg_dump and pg_restore: what comes back is audited as before, and the chain goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgaudit_kit.server import Binaries
from tests.kit import Kit
from tests.restore.clusters import connected, place
from tests.restore.dumps import dump, restore, source_lines
from tests.restore.programs import call, last_xid, newest
from tests.restore.story import assert_goes_on, build, incarnations, lines, work
from tests.restore.versions import newest_found, older
from tests.sealing import assert_sound, seal, seal_all, sealed_once
from tests.servers import Database, PgServer, connect

SHAPES: dict[str, tuple[list[str], list[list[str]]]] = {
    "custom": (["-Fc"], [[]]),
    "two jobs": (["-Fd", "-j2"], [["-j2"]]),
    "sections": (["-Fc"], [["--section=pre-data"], ["--section=data"], ["--section=post-data"]]),
    "one transaction": (["-Fc"], [["--single-transaction"]]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_restored_database_goes_on(
    server: PgServer, source: str, copy: Database, tmp_path: Path, shape: str
):
    dumping, restoring = SHAPES[shape]
    file = dump(server, source, tmp_path / "dump", *dumping)
    for options in restoring:
        restore(file, copy, *options)
    assert lines(copy) == source_lines(server, source)
    assert Kit(copy.dsn).plan() == []
    assert_goes_on(copy)


def test_a_plain_dump_goes_on(server: PgServer, source: str, copy: Database, tmp_path: Path):
    file = dump(server, source, tmp_path / "dump.sql")
    call(newest(server), "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", file, "-d", copy.dsn)
    assert lines(copy) == source_lines(server, source)
    assert Kit(copy.dsn).plan() == []
    assert_goes_on(copy)


def test_transaction_ids_that_start_lower_seal_nothing_twice(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    """As from a server that has used up far more of them; event numbers tell what is in the log."""
    restore(dump(server, source, tmp_path / "dump", "-Fc"), copy)
    ahead = last_xid(copy) + 1_000_000
    with copy.transaction():
        copy.execute(
            "ALTER TABLE audit.change_events DISABLE TRIGGER USER;"
            f"UPDATE audit.change_events SET transaction_id = transaction_id + {ahead},"
            f" row_xmin = (row_xmin::text::bigint + {ahead})::text::xid WHERE event_id NOT IN"
            " (SELECT unnest(b.event_ids) FROM audit.blocks AS b);"
            "UPDATE audit.seal_state SET snapshot ="
            f" format('%1$s:%1$s:', pg_snapshot_xmax(snapshot)::text::bigint + {ahead})::pg_snapshot;"
            "ALTER TABLE audit.change_events ENABLE ALWAYS TRIGGER append_only_row;"
            "ALTER TABLE audit.change_events ENABLE ALWAYS TRIGGER append_only_truncate"
        )
    assert_goes_on(copy)


@pytest.mark.parametrize("old", older(), ids=lambda old: old.version)
def test_from_one_server_to_another(old: Binaries, tmp_path: Path):
    """Also over major versions: the plan tells what PostgreSQL prints otherwise from drift."""
    new = newest_found()
    assert new is not None
    with place(old) as before, place(new) as after:
        with before.running(before.initialize("old")) as source:
            build(source.dsn())
            with connected(source) as conn:
                expected = lines(conn)
            roles, file = tmp_path / "roles.sql", tmp_path / "dump"
            call(new.bindir, "pg_dumpall", "--roles-only", "--file", roles, "--dbname", source.dsn())
            call(new.bindir, "pg_dump", "-Fc", "--file", file, source.dsn())
        with after.running(after.initialize("new")) as target:
            call(new.bindir, "psql", "-Xq", "-f", roles, "-d", target.dsn())  # postgres is there already
            call(new.bindir, "pg_restore", "--dbname", target.dsn(), file)
            kit = Kit(target.dsn())
            assert {change["kind"] for change in kit.changes()} <= {"view"}, (
                "which 16 and later print otherwise"
            )
            assert all("may print the same otherwise" in change["why"] for change in kit.changes())
            kit("apply", "--yes")
            assert kit.plan() == []
            with connected(target) as conn:
                assert lines(conn)[: len(expected)] == expected
                assert all('"kind": "kit-changed"' in line for line in lines(conn)[len(expected) :])
                assert_goes_on(conn)


def test_what_was_under_way_during_the_first_seal_is_sealed_later(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    restore(dump(server, source, tmp_path / "dump", "-Fc"), copy)
    with connect(copy, autocommit=False) as other:
        work(other, 3)
        seal(copy)
        work(copy, 4)
        seal(copy)
        other.commit()
    seal_all(copy)
    assert_sound(copy)
    assert sealed_once(copy)
    assert incarnations(copy) == 1

"""pg_upgrade: the log is as it was, capture and chain go on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pgaudit_kit.server import Binaries
from tests.kit import Kit
from tests.restore.clusters import place
from tests.restore.programs import call
from tests.restore.story import assert_goes_on, build, lines
from tests.restore.versions import newest_found, older
from tests.sealing import one
from tests.signing.keyring import Keyring


@pytest.mark.parametrize("old_binaries", older(), ids=lambda old: old.version)
def test_pg_upgrade_goes_on(old_binaries: Binaries, tmp_path: Path) -> None:
    """OIDs and numbers of columns stay as they are, not the system identifier; the log goes on, signed."""
    keyring = Keyring(tmp_path)
    new_binaries = newest_found()
    assert new_binaries is not None
    with place(old_binaries) as before, place(new_binaries) as after:
        old = before.initialize("old")
        with before.running(old):
            build(old.dsn())
            with psycopg.connect(old.dsn(), autocommit=True) as conn:
                conn.execute(
                    "CREATE TABLE public.g (gone int, id int PRIMARY KEY, email text);"
                    "ALTER TABLE public.g DROP COLUMN gone"
                )
                Kit(old.dsn())("enable", "public.g", "--personal", "email")
                expected = lines(conn)
                fingerprints = "SELECT audit.config_fingerprint()"
                fingerprint = one(conn, fingerprints)
            keyring.sign(old.dsn())
        no_checksums = ["--no-data-checksums"] if new_binaries.major >= 18 else []
        new = after.initialize("new", *no_checksums)
        call(
            new_binaries.bindir, "pg_upgrade", "--old-bindir", old_binaries.bindir, "--new-bindir",
            new_binaries.bindir, "--old-datadir", old.data_dir, "--new-datadir", new.data_dir, "--username",
            "postgres", "--socketdir", new.socket_dir, "--no-sync",
            **after.account.subprocess_options(), cwd=new.socket_dir,
        )  # fmt: skip
        with after.running(new), psycopg.connect(new.dsn(), autocommit=True) as conn:
            assert lines(conn) == expected
            assert one(conn, fingerprints) != fingerprint, "xmin of every function and trigger is new"
            assert keyring.verify(new.dsn()).json["proof"]["integrity"] == "anchored"
            kit = Kit(new.dsn())
            assert {change["kind"] for change in kit.changes()} <= {"view"}, (
                "which 16 and later print otherwise"
            )
            assert all("may print the same otherwise" in change["why"] for change in kit.changes())
            assert_goes_on(conn)
            kit("apply", "--yes")
            assert kit.plan() == []
            conn.execute("INSERT INTO public.g (id, email) VALUES (1, 'me@example.org')")
            query = "SELECT new_values FROM audit.change_events ORDER BY event_id DESC LIMIT 1"
            assert one(conn, query) == {"id": 1}
            assert_goes_on(conn, new=0, n=5)
            keyring.sign(new.dsn())
            proof = keyring.verify(new.dsn()).json["proof"]
            assert proof["anchored_size"] == proof["log_size"]

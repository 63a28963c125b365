"""The attack laboratory: what the table in docs/explanation/integrity.md promises against T1 to T4, for real.

A signed log with two anchors and a policy; each test is one attacker. What the chain alone finds stands in
test_tampering.py, signer and checkpoints one by one in tests/signing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgaudit_kit.note import Checkpoint, Note, SigningKey, checkpoint_text, parse_checkpoint, parse_note
from pgaudit_kit.signing import read_key
from tests.conftest import install_kit
from tests.kit import Answer, run
from tests.rewriting import cut_tail, recompute
from tests.sealing import audited_table, one, seal, seal_all, write
from tests.servers import Database, PgServer

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

ORIGIN = "audit.example.com/shop"
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "integrity.md"


@dataclass
class Lab:
    """One installation: a database, and the folder in which its key, state, anchors and policy are."""

    db: Database
    folder: Path

    def anchor(self, name: str) -> Path:
        """The one file of each checkpoint in an anchor."""
        return self.folder / name

    def files(self, name: str) -> list[Path]:
        """An anchor's checkpoints, smallest first."""
        return sorted(path for path in self.anchor(name).rglob("*") if path.is_file())

    def configure(self, *anchors: str) -> None:
        """Signs to these anchors from now on."""
        text = f'[signing]\norigin = "{ORIGIN}"\nkey = "log.key"\nstate = "state"\n' + self._anchors(*anchors)
        (self.folder / "pgaudit.toml").write_text(text)

    def _anchors(self, *names: str) -> str:
        entries = [f'[[anchors]]\ntype = "folder"\nname = "{n}"\npath = "{self.anchor(n)}"\n' for n in names]
        return "".join(entries)

    def write_policy(self, *anchors: str, more: str = "") -> None:
        """What the auditor trusts."""
        vkey = run("key", "show", "--key", str(self.folder / "log.key")).out.strip()
        text = f'origin = "{ORIGIN}"\n{more}\n[[keys]]\nvkey = "{vkey}"\n' + self._anchors(*anchors)
        (self.folder / "policy.toml").write_text(text)

    def kit(self, *args: str, dsn: str | None = None) -> Answer:
        """Runs a command with the configuration."""
        return run("--dsn", dsn or self.db.dsn, "--config", str(self.folder / "pgaudit.toml"), *args)

    def grow(self, first: int, conn: psycopg.Connection[tuple[object, ...]] | None = None) -> None:
        """Writes a row and seals it."""
        write(conn or self.db, first)
        seal(conn or self.db)

    def verify(self, dsn: str | None = None) -> dict[str, str]:
        """Findings: kind and message."""
        answer = self.kit("verify", "--all", "--policy", str(self.folder / "policy.toml"), "--json", dsn=dsn)
        found = {one["kind"]: one["message"] for one in answer.json["findings"]}
        assert answer.code == (1 if found else 0), answer.out
        return found


@pytest.fixture
def lab(kit_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Three seals, each with a checkpoint in both anchors."""
    monkeypatch.chdir(tmp_path)
    return build(Lab(kit_db, tmp_path))


def build(made: Lab) -> Lab:
    """Begins the log."""
    audited_table(made.db, made.db.dsn)
    assert run("key", "generate", ORIGIN, "--key", str(made.folder / "log.key")).code == 0
    made.configure("worm", "other")
    made.write_policy("worm", "other")
    for number in range(1, 4):
        made.grow(number)
        answer = made.kit("checkpoint")
        assert answer.code == 0, answer.err
    return made


@pytest.fixture
def copies(server: PgServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Lab, Lab]]:
    """A signed log, and a copy of database, key and state as they were then: a backup, or a clone."""
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        name = server.create_database(server.template("kit", install_kit))
        stack.callback(server.drop_database, name)
        with psycopg.connect(server.dsn(name), autocommit=True) as conn:
            build(Lab(opened(conn, server.dsn(name)), tmp_path))
        other = server.create_database(name)
        stack.callback(server.drop_database, other)
        folder = tmp_path / "copy"
        folder.mkdir()
        for file in ("log.key", "state", "pgaudit.toml", "policy.toml"):
            shutil.copy(tmp_path / file, folder / file)
        found = []
        for database, place in ((name, tmp_path), (other, folder)):
            conn = stack.enter_context(psycopg.connect(server.dsn(database), autocommit=True))
            found.append(Lab(opened(conn, server.dsn(database)), place))
        yield found[0], found[1]


def opened(conn: psycopg.Connection[Any], dsn: str) -> Any:
    """The connection with the DSN that it was opened with, as `Database` has it."""
    conn.dsn = dsn  # type: ignore[attr-defined]
    return conn


def test_t3_puts_an_old_backup_back(copies: tuple[Lab, Lab]) -> None:
    now, backup = copies
    now.grow(50)
    assert now.kit("checkpoint").code == 0
    found = backup.verify()
    assert "the database's log has 6" in found["checkpoint-ahead"]
    backup.grow(60)
    backup.grow(61)
    answer = backup.kit("checkpoint")
    assert answer.code == 1 and "log-forked" in answer.err
    assert "checkpoint-mismatch" in backup.verify()
    assert now.verify() == {}


def test_t3_puts_back_database_and_state_and_signs_past_the_anchors(copies: tuple[Lab, Lab]) -> None:
    now, backup = copies
    now.grow(50)
    now.kit("checkpoint")
    backup.grow(60)
    backup.grow(61)
    backup.configure()
    assert backup.kit("checkpoint").code == 0, "with nothing outside nothing knows better"
    assert "checkpoint-mismatch" in backup.verify()


def test_t3_runs_two_copies_and_the_second_is_refused(copies: tuple[Lab, Lab]) -> None:
    first, second = copies
    first.grow(50)
    second.grow(60)
    assert first.kit("checkpoint").code == 0
    answer = second.kit("checkpoint")
    assert answer.code == 1 and "log-forked" in answer.err
    assert first.verify() == {}
    assert second.verify() != {}


def test_t4_equivocates_between_two_anchors(copies: tuple[Lab, Lab]) -> None:
    first, second = copies
    first.grow(50)
    second.grow(60)
    sizes = {one(lab.db, "SELECT log_size FROM audit.seal_state") for lab in copies}
    while len(sizes) > 1:  # the clone's first seal has an event more
        behind = min(copies, key=lambda lab: one(lab.db, "SELECT log_size FROM audit.seal_state"))
        behind.grow(70 + len(sizes) + int(one(behind.db, "SELECT max(id) FROM public.doc")))
        sizes = {one(lab.db, "SELECT log_size FROM audit.seal_state") for lab in copies}
    first.configure("worm")
    second.configure()
    second.folder.joinpath("pgaudit.toml").write_text(
        second.folder.joinpath("pgaudit.toml").read_text() + first._anchors("other")
    )
    assert (first.kit("checkpoint").code, second.kit("checkpoint").code) == (0, 0)
    assert "checkpoint-fork" in first.verify()
    assert "checkpoint-fork" in second.verify()


def test_a_signed_log_with_two_anchors_is_clean(lab: Lab) -> None:
    assert lab.verify() == {}


EVERY_DAY = (
    "UPDATE public.doc SET v = v",
    "VACUUM (FREEZE) public.doc",
    "VACUUM (FULL) public.doc",
    "CLUSTER public.doc USING doc_pkey",
    "ALTER TABLE public.doc ALTER COLUMN v TYPE varchar(50), ADD COLUMN more uuid DEFAULT gen_random_uuid()",
    "REINDEX TABLE public.doc",
    "CREATE TABLE public.part (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
    "CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES FROM (0) TO (10)",
    "INSERT INTO public.part VALUES (1, 'a')",
    "ALTER TABLE public.part DETACH PARTITION public.part_1",
    "ALTER TABLE public.part ATTACH PARTITION public.part_1 FOR VALUES FROM (0) TO (20)",
    # the log itself
    "VACUUM (FULL, FREEZE) audit.change_events, audit.blocks, audit.checkpoints, audit.chain_heads",
    "REINDEX SCHEMA audit",
    "ANALYZE",
    "SELECT audit.maintain_partitions()",
)


def test_what_happens_every_day_is_no_finding_at_any_level(lab: Lab) -> None:
    for statement in EVERY_DAY:
        lab.db.execute(statement)
        if statement.startswith("CREATE TABLE public.part "):
            assert lab.kit("enable", "public.part").code == 0
    leaf, index = lab.db.execute(
        "SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text FROM pg_index AS i"
        " WHERE i.indisprimary AND i.indrelid IN (SELECT b.tableoid FROM audit.blocks AS b)"
    ).fetchall()[0]
    lab.db.execute(f"CLUSTER {leaf} USING {index.split('.')[1]}")
    lab.grow(70)
    seal_all(lab.db)
    assert lab.kit("checkpoint").code == 0
    lab.write_policy("worm", "other", more='tables = ["public.doc", "public.part"]')
    answer = lab.kit("verify", "--all", "--policy", str(lab.folder / "policy.toml"), "--json")
    assert (answer.code, answer.json["findings"]) == (0, []), answer.out
    levels = {verdict for tenant in answer.json["tenants"] for verdict in tenant["levels"].values()}
    assert levels == {"ok"} and answer.json["proof"]["integrity"] == "anchored"


def test_t2_rewrites_and_recomputes_everything(lab: Lab) -> None:
    recompute(lab.db)
    lab.db.execute("DELETE FROM audit.checkpoints; DELETE FROM audit.log_tiles")
    found = lab.verify()
    assert set(found) == {"checkpoint-mismatch"} and "Up to 0 blocks" in found["checkpoint-mismatch"]
    lab.grow(9)
    assert lab.kit("checkpoint").code == 1, "and nothing goes on being signed"


def test_t2_cuts_off_the_newest_blocks(lab: Lab) -> None:
    cut_tail(lab.db, 2)
    found = lab.verify()
    assert "has 2" in found["checkpoint-ahead"]
    assert lab.kit("checkpoint").code == 1


def test_t2_cuts_off_the_newest_blocks_and_writes_others(lab: Lab) -> None:
    cut_tail(lab.db, 2)
    for number in range(10, 14):
        lab.grow(number)
    assert "checkpoint-mismatch" in lab.verify()
    answer = lab.kit("checkpoint")
    assert answer.code == 1 and "log-forked" in answer.err


def forge(lab: Lab, key: SigningKey, size: int) -> bytes:
    """A checkpoint of the log as it is now in the database."""
    root = bytes(one(lab.db, "SELECT audit.log_root(%s)", [size]))
    text = checkpoint_text(Checkpoint(ORIGIN, size, root))
    return Note(text, (key.sign(text),)).encode()


def test_t4_steals_the_key_and_signs_a_rewritten_log(lab: Lab) -> None:
    recompute(lab.db)
    lab.db.execute("DELETE FROM audit.checkpoints; DELETE FROM audit.log_tiles")
    key = read_key(lab.folder / "log.key")
    size = one(lab.db, "SELECT log_size FROM audit.seal_state")
    (lab.folder / "state").unlink()
    lab.configure()  # the thief has no use for anchors
    assert lab.kit("checkpoint").code == 0, "nothing in the database tells it"
    found = lab.verify()
    assert set(found) == {"checkpoint-mismatch", "checkpoint-fork"}
    assert f"two logs of {size} blocks" in found["checkpoint-fork"]
    assert forge(lab, key, size).decode() == one(lab.db, "SELECT note FROM audit.checkpoints")


def test_t4_offers_the_forgery_to_an_anchor_and_is_refused(lab: Lab) -> None:
    recompute(lab.db)
    lab.db.execute("DELETE FROM audit.checkpoints; DELETE FROM audit.log_tiles")
    lab.grow(20)
    (lab.folder / "state").unlink()
    lab.configure()
    lab.kit("checkpoint")
    lab.configure("worm")
    before = [path.read_bytes() for path in lab.files("worm")]
    answer = lab.kit("checkpoint")
    assert answer.code in (1, 4)
    assert "log-forked" in answer.err or "no beginning of this log" in answer.err
    assert [path.read_bytes() for path in lab.files("worm")] == before


def test_t4_signs_another_log_into_an_anchor_before_us(lab: Lab, tmp_path: Path) -> None:
    """With a key of the same name, so that only the anchor sees two histories. What it holds is evidence."""
    other = SigningKey.generate(ORIGIN)
    file = lab.files("worm")[-1]
    size = parse_checkpoint(parse_note(file.read_bytes()).text).size
    text = checkpoint_text(Checkpoint(ORIGIN, size, bytes(32)))
    theirs = Note(text, (other.sign(text),)).encode()
    file.chmod(0o600)
    file.write_bytes(theirs)
    for number in (20, 21):
        lab.grow(number)
        answer = lab.kit("checkpoint", "--json")
        assert answer.code == 1, answer.err
        assert set(answer.json["conflicts"]) == {"worm"} and answer.json["anchors"]["other"] is None
    kept = list(tmp_path.glob("state.conflict-*"))
    assert [str(path) for path in kept] == list(answer.json["conflicts"].values())
    assert kept[0].read_bytes().endswith(theirs) and kept[0].stat().st_mode & 0o777 == 0o600
    assert "do not sign on before it is explained" in answer.err


def test_t4_shows_two_anchors_two_logs(lab: Lab) -> None:
    key = read_key(lab.folder / "log.key")
    size = one(lab.db, "SELECT log_size FROM audit.seal_state")
    recompute(lab.db)
    file = lab.files("other")[-1]
    file.chmod(0o600)
    file.write_bytes(forge(lab, key, size))
    assert "checkpoint-fork" in lab.verify()


def test_t4_goes_on_with_a_key_that_was_replaced(lab: Lab) -> None:
    shutil.copy(lab.folder / "log.key", lab.folder / "stolen.key")
    rotated = lab.kit("key", "rotate", "--json")
    assert rotated.code == 0, rotated.err
    size, new, old = (rotated.json[name] for name in ("from_size", "vkey", "before"))
    keys = f'[[keys]]\nvkey = "{old}"\nto_size = {size + 1}\n[[keys]]\nvkey = "{new}"\nfrom_size = {size}\n'
    anchors = lab._anchors("worm", "other")
    (lab.folder / "policy.toml").write_text(f'origin = "{ORIGIN}"\n{keys}{anchors}')
    lab.grow(30)
    assert lab.kit("checkpoint").code == 0
    assert lab.verify() == {}
    lab.grow(31)
    stolen = read_key(lab.folder / "stolen.key")
    newest = one(lab.db, "SELECT log_size FROM audit.seal_state")
    target = lab.files("worm")[-1].with_name(f"{newest:020d}")
    target.write_bytes(forge(lab, stolen, newest))
    assert set(lab.verify()) == {"checkpoint-signature"}


def test_t5_in_part_changes_what_an_anchor_holds(lab: Lab) -> None:
    file = lab.files("worm")[0]
    file.chmod(0o600)
    text = file.read_text()
    file.write_text(text.replace(text.split("\n")[1], "7", 1))
    assert set(lab.verify()) <= {"anchor-tampered", "checkpoint-signature"} and lab.verify()
    file.write_bytes(b"nothing")
    assert set(lab.verify()) == {"anchor-tampered"}


def test_t5_takes_everything_away_that_was_signed(lab: Lab) -> None:
    shutil.rmtree(lab.anchor("worm"))
    shutil.rmtree(lab.anchor("other"))
    lab.db.execute("DELETE FROM audit.checkpoints")
    assert set(lab.verify()) == {"checkpoint-missing"}


def test_t2_stops_the_signing(lab: Lab) -> None:
    lab.write_policy("worm", "other", more='freshness = "10min"')
    assert lab.verify() == {}
    before = time.time() - 900
    for path in (*lab.files("worm"), *lab.files("other")):
        os.utime(path, (before, before))
    assert set(lab.verify()) == {"checkpoint-stale"}


def test_t1_drops_a_partition_of_the_log(lab: Lab) -> None:
    partition = one(lab.db, "SELECT tableoid::regclass::text FROM audit.change_events LIMIT 1")
    lab.db.execute(f"DROP TABLE {partition}")
    found = lab.verify()
    assert "event-missing" in found


def test_t1_drops_the_log_itself(lab: Lab) -> None:
    watches = lab.db.execute("SELECT quote_ident(evtname) FROM pg_event_trigger").fetchall()
    for (name,) in watches:  # they would not let it pass
        lab.db.execute(f"DROP EVENT TRIGGER {name}")
    lab.db.execute("DROP TABLE audit.change_events CASCADE")
    assert "table-missing" in lab.verify()


def test_what_cannot_be_found_is_said_to_be_so(lab: Lab) -> None:
    """An event forged through the audited path, and one changed between commit and seal."""
    write(lab.db, 40)
    lab.db.execute("ALTER TABLE audit.change_events DISABLE TRIGGER USER")
    lab.db.execute(
        "UPDATE audit.change_events SET actor_id = 'nobody' WHERE event_id ="
        " (SELECT max(event_id) FROM audit.change_events)"
    )
    lab.db.execute("ALTER TABLE audit.change_events ENABLE TRIGGER USER")
    seal(lab.db)
    kinds = set(lab.verify())
    assert not {kind for kind in kinds if kind.startswith(("event-", "checkpoint-", "block-"))}
    page = PAGE.read_text()
    for said in (
        "between its commit and its seal",
        "between its seal and the first checkpoint",
        "with the application's own credentials",
        "no anchor",
        "controls key, anchors and witnesses",
    ):
        assert any(said in line and "**no**" in line for line in page.splitlines()), said


def test_every_kind_that_the_page_promises_has_a_test() -> None:
    promised = set(re.findall(r"`((?:event|block|checkpoint|anchor|table|log)-[a-z]+)`", PAGE.read_text()))
    tests = "".join(
        path.read_text()
        for name in ("attacks", "signing")
        for path in Path(__file__).parents[1].joinpath(name).glob("*.py")
    )
    assert (
        promised - set(re.findall(r"\"((?:event|block|checkpoint|anchor|table|log)-[a-z]+)", tests)) == set()
    )

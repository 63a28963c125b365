"""From the database to the anchors and back: checkpoint publishes, verify finds, and forks are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgaudit_kit.anchors import setup_sql
from pgaudit_kit.note import COSIGNATURE, SigningKey, parse_note, parse_vkey
from pgaudit_kit.stores import FolderStore
from pgaudit_kit.tlog import read_entries, read_tiles
from pgaudit_kit.witness import Ledger, Witness, WitnessServer
from tests.anchors.logs import ORIGIN
from tests.kit import Kit, run
from tests.sealing import audited_table, seal, write
from tests.servers import Database

KEY = SigningKey.generate("witness.example/w1", COSIGNATURE)


@pytest.fixture
def log_key(tmp_path: Path) -> str:
    answer = run("key", "generate", ORIGIN, "--key", str(tmp_path / "log.key"), "--json")
    vkey: str = answer.json["vkey"]
    return vkey


@pytest.fixture
def witness_url(tmp_path: Path, log_key: str) -> Iterator[str]:
    witness = Witness(KEY, [parse_vkey(log_key)], Ledger(tmp_path / "w.db"), time.time)
    with WitnessServer("127.0.0.1", 0, witness, lambda event, **facts: None) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.fixture
def kit(kit_db: Database, tmp_path: Path, log_key: str, witness_url: str) -> Kit:
    """A sealed log, and a configuration and a policy with three anchors."""
    audited_table(kit_db, kit_db.dsn)
    kit_db.execute(setup_sql())  # another database elsewhere; here the same one will do
    anchors = (
        f'[[anchors]]\ntype = "folder"\nname = "worm"\npath = "{tmp_path / "worm"}"\n'
        f'[[anchors]]\ntype = "postgres"\nname = "team"\ndsn = "{kit_db.dsn}"\n'
        f'[[anchors]]\ntype = "witness"\nname = "w1"\nurl = "{witness_url}"\nvkey = "{KEY.verifier.vkey}"\n'
    )
    config = tmp_path / "pgaudit.toml"
    config.write_text(f'[signing]\norigin = "{ORIGIN}"\nkey = "log.key"\n{anchors}')
    (tmp_path / "policy.toml").write_text(
        f'origin = "{ORIGIN}"\nquorum = 1\n[[keys]]\nvkey = "{log_key}"\n'
        f'[[witnesses]]\nvkey = "{KEY.verifier.vkey}"\n{anchors}'
    )
    made = Kit(kit_db.dsn, config)
    grow(kit_db, 3)
    return made


def grow(db: Database, rows: int) -> None:
    for _ in range(rows):
        found = db.execute("SELECT count(*) FROM audit.change_events").fetchone()
        assert found is not None
        write(db, found[0] + 1000)
        seal(db)


def verify(kit: Kit, code: int = 0) -> str:
    assert kit.config is not None
    answer = kit("verify", "--all", "--policy", str(kit.config.with_name("policy.toml")), code=code)
    return answer.out


def test_what_is_signed_reaches_every_anchor_and_verify_believes_it(kit: Kit, kit_db: Database) -> None:
    for _ in range(2):
        answer = kit("checkpoint", "--json").json
        assert answer["anchors"] == {"worm": None, "team": None, "w1": None}
        assert "witness.example/w1" in answer["note"]
        grow(kit_db, 2)
    kit("checkpoint")
    assert "witnessed" in verify(kit)
    held = kit("anchor", "list", "--json").json["found"]
    assert [one["anchor"] for one in held] == ["worm"] * 3 + ["team"] * 3 + ["w1"]


def test_a_signer_that_forgot_goes_on_from_what_the_anchors_hold(kit: Kit, kit_db: Database) -> None:
    """Its state and the database's own checkpoints are as they were before: only the anchors know better."""
    assert kit.config is not None
    state = kit.config.with_name("log.key.state")
    kit("checkpoint")
    before = state.read_bytes()
    grow(kit_db, 2)
    kit("checkpoint")
    state.write_bytes(before)
    kit_db.execute(
        "DELETE FROM audit.checkpoints AS c WHERE c.size = (SELECT max(size) FROM audit.checkpoints)"
    )
    assert kit("checkpoint", "--json").json["anchors"] == {"worm": None, "team": None, "w1": None}
    assert "witnessed" in verify(kit)


def test_a_checkpoint_changed_in_an_anchor_is_a_finding(kit: Kit, tmp_path: Path) -> None:
    kit("checkpoint")
    (file,) = (tmp_path / "worm").glob("*/checkpoints/*")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"\n6\n", b"\n7\n"))
    assert "anchor-tampered" in verify(kit, code=1)


def test_an_anchor_that_is_away_does_not_hold_up_the_others(
    kit: Kit, kit_db: Database, tmp_path: Path
) -> None:
    kit("checkpoint")
    (tmp_path / "worm").rename(tmp_path / "gone")
    (tmp_path / "worm").write_text("no folder")
    grow(kit_db, 1)
    answer = kit("checkpoint", "--json", code=4).json
    assert [name for name, why in answer["anchors"].items() if why] == ["worm"]
    assert "cannot be used" in answer["anchors"]["worm"]
    (tmp_path / "worm").unlink()
    (tmp_path / "gone").rename(tmp_path / "worm")
    assert kit("checkpoint", "--json").json["anchors"]["worm"] is None


def test_the_signed_log_is_written_as_tiles_that_grow(kit: Kit, kit_db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    assert "error[inconclusive]" in kit("tiles", str(folder), code=4).err
    assert not folder.exists()
    kit("checkpoint")
    first = kit("tiles", str(folder), "--json").json
    assert kit("tiles", str(folder), "--json").json["written"] == 0
    grow(kit_db, 2)
    kit("checkpoint")
    second = kit("tiles", str(folder), "--json").json
    assert second["size"] > first["size"] and second["written"] == 2
    store = FolderStore(folder)
    read_tiles(store, second["size"], bytes.fromhex(second["root"]))
    headers = kit_db.execute("SELECT header FROM audit.blocks ORDER BY log_index").fetchall()
    read = list(read_entries(store, second["size"], bytes.fromhex(second["root"])))
    assert read == [header.encode() for (header,) in headers][: second["size"]]
    note = parse_note((folder / "checkpoint").read_bytes())
    assert {one.name for one in note.signatures} == {ORIGIN, KEY.name}


def test_tiles_that_hold_something_else_are_left_alone(kit: Kit, kit_db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    kit("checkpoint")
    kit("tiles", str(folder))
    (file,) = folder.glob("tile/entries/000.p/*")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    answer = kit("tiles", str(folder), code=4)
    assert "error[tiles-mismatch]" in answer.err and str(file) in answer.err

"""The worker is killed at every step, hundreds of times, while others write: nothing is lost or doubled."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from pgaudit_kit.note import open_note, parse_checkpoint, parse_note
from tests.kit import run
from tests.sealing import one, seal, seal_all, sealed_once
from tests.signing.conftest import ORIGIN, Signing
from tests.signing.killed_worker import STEPS

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

ROOT = Path(__file__).parents[2]
WRITERS = 3


class Writers:
    """Clients that insert rows until they are told to stop, slowly: the worker is to have its turns."""

    def __init__(self, dsn: str) -> None:
        self.stop = threading.Event()
        self.committed = [0] * WRITERS
        self.threads = [threading.Thread(target=self._write, args=(dsn, n)) for n in range(WRITERS)]

    def _write(self, dsn: str, number: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:
            while not self.stop.wait(0.01):
                key = 1_000_000 * (number + 1) + self.committed[number]
                conn.execute("INSERT INTO public.doc VALUES (%s, %s, 'v')", [key, f"t{number}"])
                self.committed[number] += 1

    def __enter__(self) -> Writers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.long
def test_nothing_is_lost_and_nothing_signed_twice(signing: Signing) -> None:
    turns = 22 * len(STEPS)
    with Writers(signing.db.dsn) as writers:
        program = [sys.executable, "-m", "tests.signing.killed_worker"]
        done = subprocess.run(
            [*program, signing.db.dsn, str(signing.folder), str(turns), "7"],
            cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ended = json.loads(done.stdout)
    assert set(ended) == set(STEPS) - {"never"}
    assert sum(ended.values()) > turns / 2
    seal_all(signing.db)
    assert sealed_once(signing.db)
    inserted = one(signing.db, "SELECT count(*) FROM audit.change_events WHERE operation = 'I'")
    assert inserted == sum(writers.committed) + signing.rows
    outcome = signing.signer(anchors=[]).run()
    assert outcome
    notes = [path.read_bytes() for path in (signing.folder / "worm").rglob("[0-9]*") if path.is_file()]
    checkpoints = [
        parse_checkpoint(parse_note(note).text) for note in notes if open_note(note, [signing.key.verifier])
    ]
    assert len({one.size for one in checkpoints}) == len(checkpoints) > 30
    policy = signing.folder / "policy.toml"
    policy.write_text(
        f'origin = "{ORIGIN}"\n[[keys]]\nvkey = "{signing.key.verifier.vkey}"\n'
        f'[[anchors]]\ntype = "folder"\nname = "worm"\npath = "{signing.folder / "worm"}"\n'
    )
    answer = run("--dsn", signing.db.dsn, "verify", "--all", "--policy", str(policy), "--json")
    assert answer.code == 0, answer.out
    assert answer.json["proof"]["integrity"] == "anchored"
    assert seal(signing.db) >= 0

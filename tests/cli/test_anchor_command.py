"""`pgaudit-kit anchor` and `witness`: answers, exit codes, and a witness as its own process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pgaudit_kit.anchor_specs import FolderAnchor, WitnessAnchor
from pgaudit_kit.anchors import open_anchor
from pgaudit_kit.note import open_note, parse_note, parse_signatures, parse_vkey
from tests.anchors.logs import ORIGIN, Log, no_proof
from tests.kit import Answer, run

LOG = Log()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without configuration, an environment without defaults."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PGAUDIT_KIT")]:
        monkeypatch.delenv(name)


def configured(tmp_path: Path, *anchors: str) -> None:
    text = "".join(f"[[anchors]]\n{anchor}\n" for anchor in anchors)
    (tmp_path / "pgaudit.toml").write_text(f'signing = {{origin = "{ORIGIN}", key = "k"}}\n{text}')


def folder(tmp_path: Path) -> str:
    return f'type = "folder"\nname = "worm"\npath = "{tmp_path / "worm"}"'


def test_anchor_sql_is_a_script_for_another_database() -> None:
    text = run("anchor", "sql").out
    assert text.startswith("-- object:") and text.endswith("COMMIT;\n")
    assert run("anchor", "sql", "--json").json["sql"].strip() == text.strip()


def test_anchor_list_shows_what_each_anchor_holds(tmp_path: Path) -> None:
    configured(tmp_path, folder(tmp_path))
    assert run("anchor", "list").out == "The anchors hold nothing of this log.\n"
    anchor = open_anchor(FolderAnchor(name="worm", path=str(tmp_path / "worm")))
    anchor.publish(LOG.note(3), no_proof)
    answer = run("anchor", "list", "--json")
    assert answer.code == 0
    (found,) = answer.json["found"]
    assert found["anchor"] == "worm" and found["note"].encode() == LOG.note(3) and found["problem"] is None
    assert "worm  20" in run("anchor", "list").out


def test_anchor_list_ends_with_1_where_something_is_wrong_and_with_4_where_it_cannot_read(
    tmp_path: Path,
) -> None:
    away = 'type = "witness"\nname = "away"\nurl = "http://127.0.0.1:9"\nvkey = "' + witness_key() + '"'
    configured(tmp_path, folder(tmp_path), away)
    open_anchor(FolderAnchor(name="worm", path=str(tmp_path / "worm"))).publish(LOG.note(3), no_proof)
    answer = run("anchor", "list", "--json")
    assert answer.code == 4
    assert [one["unreadable"] for one in answer.json["found"]] == [False, True]
    (file,) = (tmp_path / "worm").glob("*/checkpoints/*")
    file.with_name("00000000000000000009").write_bytes(b"\x1b[31mrubbish")
    answer = run("anchor", "list")
    assert answer.code == 1
    assert "! it is no signed checkpoint" in answer.out


def test_anchor_list_without_anchors_or_origin_says_what_is_missing(tmp_path: Path) -> None:
    assert "[[anchors]]" in run("anchor", "list").err
    (tmp_path / "pgaudit.toml").write_text(f"[[anchors]]\n{folder(tmp_path)}\n")
    answer = run("anchor", "list")
    assert answer.code == 2 and "--origin" in answer.err
    assert run("anchor", "list", "--origin", "x.example").code == 0


def witness_key() -> str:
    answer = run("key", "generate", "w.example/w1", "--witness", "--key", "w.key", "--json")
    vkey: str = answer.json["vkey"]
    return vkey


@contextmanager
def serving(*logs: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`witness serve` as a process; yields its URL."""
    options = [option for log in logs for option in ("--log", log)]
    command = [sys.executable, "-m", "pgaudit_kit", "witness", "serve", "--listen", "127.0.0.1:0"]
    files = ["--create", "--database", "w.db", "--key", "w.key"]
    with subprocess.Popen(
        [*command, *files, *options, "--json"], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            yield json.loads(process.stderr.readline())["url"], process
        finally:
            process.kill()


def test_a_witness_cosigns_until_it_is_told_to_stop() -> None:
    vkey = witness_key()
    with serving(LOG.key.verifier.vkey) as (url, process):
        anchor = open_anchor(WitnessAnchor(name="w1", url=url, vkey=vkey))
        lines = anchor.publish(LOG.note(3), no_proof)
        note = parse_note(LOG.note(3)).with_signatures(parse_signatures(lines.decode()))
        assert open_note(note.encode(), [parse_vkey(vkey)]) == [parse_vkey(vkey)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    answer = run("witness", "status", "--database", "w.db", "--json")
    assert answer.code == 0 and [log["size"] for log in answer.json["logs"]] == [3]
    with serving(LOG.key.verifier.vkey) as (url, _):
        fork = LOG.forked(1)
        with pytest.raises(Exception, match="no beginning"):
            open_anchor(WitnessAnchor(name="w1", url=url, vkey=vkey)).publish(fork.note(3), no_proof)


def test_witness_status_ends_with_1_where_a_log_signed_two_histories() -> None:
    vkey = witness_key()
    assert run("witness", "status", "--database", "absent.db").code == 2
    with serving(LOG.key.verifier.vkey) as (url, _):
        for log in (LOG, LOG.forked(1)):
            try:
                open_anchor(WitnessAnchor(name="w1", url=url, vkey=vkey)).publish(log.note(3), no_proof)
            except Exception as error:
                assert log is not LOG, error
    answer = run("witness", "status", "--database", "w.db")
    assert answer.code == 1
    assert f"TWO HISTORIES of {ORIGIN}" in answer.out


def test_witness_serve_refuses_what_it_cannot_use() -> None:
    vkey = witness_key()
    run("key", "generate", "log.example", "--key", "log.key")
    log = LOG.key.verifier.vkey

    def serve(
        *more: str, listen: str = "127.0.0.1:0", key: str = "w.key", log: str = log, database: str = "w.db"
    ) -> Answer:
        files = ("--database", database, "--key", key)
        return run("witness", "serve", "--listen", listen, *files, "--log", log, *more)

    refused: dict[str, Any] = {
        "HOST:PORT": serve(listen="8300"),
        "Cannot listen": serve("--create", listen="203.0.113.7:1"),
        "cosigns": serve(key="log.key"),
        "cannot be read": serve(key="absent.key"),
        "Only the first time add --create": serve(database="absent.db"),
        "witness's key": serve("--create", log=vkey),
        "--log": serve("--create", log="abc"),
    }
    for words, answer in refused.items():
        assert answer.code == 2 and words in answer.err and "hint:" in answer.err, (words, answer.err)
    os.chmod("w.key", 0o644)
    assert stat.S_IMODE(os.stat("w.key").st_mode) == 0o644
    assert "read by others" in serve().err

"""Evidence that claims more than it shows, made by somebody without the log's key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pgaudit_kit.anchors.model import shelf_name, size_name
from pgaudit_kit.evidence import check
from pgaudit_kit.note import Note, SigningKey, checkpoint_text, parse_checkpoint, parse_note
from pgaudit_kit.signing import read_key
from tests.evidence.conftest import ORIGIN, Log
from tests.evidence.test_tampering import Folder
from tests.kit import run

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

Copy = Callable[[str], Folder]


def occurred(log: Log, block: int, which: str = "min") -> str:
    query = (
        f"SELECT {which}(occurred_at)::text FROM audit.events WHERE tenant_id = 'acme' AND block_number = %s"
    )
    return str(log.db.execute(query, [block]).fetchone()[0])  # type: ignore[index]


@pytest.fixture(scope="module")
def made(log: Log) -> dict[str, Path]:
    """Evidence of all kinds."""
    ids = log.db.execute(
        "SELECT min(event_id) FROM audit.events WHERE tenant_id = 'acme' GROUP BY block_number ORDER BY 1"
    ).fetchall()
    return {
        "whole": log.export("claims-whole", "--personal"),
        "from": log.export("claims-from", "--from", occurred(log, 2)),
        "to": log.export("claims-to", "--to", occurred(log, 2, "max")),
        "between": log.export("claims-between", "--from", occurred(log, 2), "--to", occurred(log, 2, "max")),
        "events": log.export("claims-events", "--event", str(ids[1][0]), "--event", str(ids[2][0])),
    }


@pytest.fixture
def copy(made: dict[str, Path], log: Log, tmp_path: Path) -> Copy:
    def copied(kind: str) -> Folder:
        shutil.copytree(made[kind], tmp_path / kind)
        return Folder(tmp_path / kind, log, tmp_path)

    return copied


def settle(folder: Folder, gone: list[int] | None) -> None:
    """Take the lines of these events away, and bring the manifest into line."""
    kept = [line for line in folder.lines("events.jsonl") if json.loads(line)["event_id"] not in (gone or [])]
    folder.put("events.jsonl", kept)
    last = folder.lines("blocks.jsonl")[-1][:-1]

    def change(manifest: dict[str, Any]) -> None:
        manifest["counts"]["events"] = len(kept)
        number = json.loads(last)["block_number"]
        manifest["last_block"] = {"block_number": number, "block_hash": sha256(last).hexdigest()}

    folder.json("manifest.json", change)
    folder.conceal()


def as_border(at: int) -> Callable[[Folder], None]:
    """Keep a block's header alone, as if it were beside what was asked for."""

    def change(folder: Folder) -> None:
        lines = folder.lines("block-events.jsonl")
        block = json.loads(lines[at])
        lines[at] = json.dumps({**block, "event_ids": None, "event_hashes": None}).encode() + b"\n"
        folder.put("block-events.jsonl", lines)
        settle(folder, block["event_ids"])

    return change


def dropped(at: int) -> Callable[[Folder], None]:
    """Take a block away altogether."""

    def change(folder: Folder) -> None:
        block = json.loads(folder.lines("block-events.jsonl")[at])
        for name in ("blocks.jsonl", "block-events.jsonl", "log/inclusion.jsonl"):
            folder.edit(name, lambda lines: lines.pop(at))
        settle(folder, block["event_ids"])

    return change


def together(*changes: Callable[[Folder], None]) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        for one in changes:
            one(folder)

    return change


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("from", together(dropped(0), as_border(0))),
        ("from", dropped(0)),
        ("to", dropped(0)),
        ("to", as_border(0)),
        ("to", together(dropped(2), as_border(1))),
    ],
    ids=[
        "first block as border",
        "border dropped",
        "begins later",
        "first block as border of all",
        "last block as border",
    ],
)
def test_a_range_that_is_cut_at_its_ends_is_found(
    copy: Copy, kind: str, change: Callable[[Folder], None]
) -> None:
    folder = copy(kind)
    assert check(str(folder.path), [folder.log.vkey])["verdict"] == "ok"
    change(folder)
    assert "range-not-covered" in folder.kinds()


def test_a_block_of_the_range_as_the_border_behind_it_is_found(copy: Copy) -> None:
    folder = copy("from")
    folder.json("manifest.json", lambda x: x["asked"].update(to="2999-01-01T00:00:00+00:00"))
    as_border(2)(folder)
    assert "range-not-covered" in folder.kinds()


def test_the_verdict_says_up_to_when_something_is_shown(copy: Copy) -> None:
    folder = copy("from")
    dropped(2)(folder)  # nobody can tell that the log went on: so it is not claimed
    report = check(str(folder.path), [folder.log.vkey])
    assert report["verdict"] == "ok"
    (note,) = (note for note in report["notes"] if "Nothing is shown" in note)
    assert report["sealed"][1] in note


def test_an_event_that_was_asked_for_must_be_there(copy: Copy) -> None:
    folder = copy("events")
    gone = json.loads(folder.lines("events.jsonl")[1])["event_id"]
    folder.edit("events.jsonl", lambda lines: lines.pop())
    folder.json("manifest.json", lambda x: x["counts"].update(events=1))
    folder.conceal()
    (found,) = check(str(folder.path), [folder.log.vkey])["findings"]
    assert (found["kind"], found["event_id"]) == ("event-missing", gone)


def test_personal_values_that_were_asked_for_are_missed(copy: Copy) -> None:
    folder = copy("whole")
    (folder.path / "personal.jsonl").unlink()
    folder.json("manifest.json", lambda x: x["files"].pop("personal.jsonl"))
    assert "file-missing" in folder.kinds()


def test_a_tenant_s_name_cannot_be_moved_into_its_salt(copy: Copy) -> None:
    folder = copy("whole")
    folder.json("manifest.json", lambda x: x.update(tenant="me", tenant_salt=x["tenant_salt"] + b"ac".hex()))
    assert check(str(folder.path), [folder.log.vkey])["exit_code"] == 4


def test_a_log_s_key_does_not_witness_and_a_witness_s_key_does_not_sign(copy: Copy) -> None:
    path = str(copy("whole").path)
    witness = SigningKey.generate("witness.example", 4).verifier.vkey
    signer = SigningKey.generate("log.example").verifier.vkey
    for keys, witnesses in (([witness], []), ([signer], [signer])):
        with pytest.raises(ValueError, match="no such public key"):
            check(path, keys, witnesses)


def test_fewer_witnesses_than_the_quorum_do_not_bracket_the_time(copy: Copy) -> None:
    folder = copy("events")
    first, second = (SigningKey.generate(f"{name}.example", 4) for name in ("one", "two"))
    paths = sorted((folder.path / "checkpoints").iterdir(), key=lambda one: int(one.stem))
    for at, path in enumerate(paths):
        note = parse_note(path.read_bytes())
        cosigners = [first, second] if at else [first]
        made = [one.cosign(note.text, 1_800_000_000 + at) for one in cosigners]
        path.write_bytes(note.with_signatures(made).encode())
    folder.conceal()
    witnesses = [first.verifier.vkey, second.verifier.vkey]
    assert check(str(folder.path), [folder.log.vkey], witnesses, 1)["time"] == "bracketed"
    report = check(str(folder.path), [folder.log.vkey], witnesses, 2)
    assert (report["verdict"], report["time"]) == ("ok", "asserted")


def test_a_checkpoint_of_the_auditor_that_is_none_is_wrong_usage(copy: Copy, tmp_path: Path) -> None:
    (tmp_path / "mine.note").write_text("no note")
    verifier = Path(sys.modules["pgaudit_kit.evidence.verify_evidence"].__file__ or "")
    command = [
        sys.executable,
        "-I",
        str(verifier),
        str(copy("whole").path),
        "--anchor",
        str(tmp_path / "mine.note"),
    ]
    answer = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert answer.returncode == 2 and "Traceback" not in answer.stderr


DEEP = "[" * 900 + "]" * 900


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("personal.jsonl", b'{"event_id": ID, "what": "values", "salt": "00", "text": 5}\n'),
        ("personal.jsonl", b'{"event_id": ID, "what": "values", "salt": 7, "text": "x"}\n'),
        ("personal.jsonl", b'{"event_id": ID, "what": "values", "salt": "00", "text": "\\ud800"}\n'),
        ("log/consistency.json", b"[5]"),
        ("log/consistency.json", b'[{"from": [], "to": {}, "proof": []}]'),
        ("log/inclusion.jsonl", b"[]\n"),
        ("log/inclusion.jsonl", b'{"log_index": 1, "proof": "00"}\n'),
        ("block-events.jsonl", b'{"block_number": 1, "event_ids": [[]], "event_hashes": 5}\n'),
        ("block-events.jsonl", b"{}\n"),
        ("keys", b"\xff"),
        ("keys", b"a+b+c\n"),
    ],
)
def test_values_of_other_kinds_are_findings(copy: Copy, name: str, data: bytes) -> None:
    folder = copy("whole")
    personal = next(line for line in folder.lines("personal.jsonl"))
    data = data.replace(b"ID", str(json.loads(personal)["event_id"]).encode())
    (folder.path / name).write_bytes(data)
    folder.conceal()
    assert folder.kinds() & {"file-malformed", "personal-changed"}


def test_a_header_that_is_nested_deeply_is_a_finding(copy: Copy) -> None:
    folder = copy("whole")
    lines = folder.lines("blocks.jsonl")
    lines[0] = lines[0][:-2] + b',"more":' + DEEP.encode() + b"}\n"
    folder.put("blocks.jsonl", lines)
    assert folder.kinds()


@pytest.mark.parametrize(
    "part", ["asked", "counts", "last_block", "checkpoints", "files", "tenant", "tenant_salt"]
)
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, ["x"], {"kind": []}])
def test_a_manifest_of_other_kinds_never_passes(copy: Copy, part: str, value: Any) -> None:
    folder = copy("whole")
    folder.json("manifest.json", lambda x: x.update({part: value}))
    report = check(str(folder.path), [folder.log.vkey])
    assert report["exit_code"] in (1, 4) or (part, value) == ("files", {})


def test_a_terminal_that_knows_fewer_characters_gets_the_verdict(log: Log, copy: Copy) -> None:
    folder = copy("whole")
    folder.json("manifest.json", lambda x: x.update(tenant="\U0001f600\x1b[2J"))
    command = [sys.executable, str(folder.path / "verify_evidence.py"), str(folder.path)]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": os.defpath}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 1 and "FAILED" in answer.stdout and "\x1b" not in answer.stdout
    assert "Traceback" not in answer.stderr


def test_verify_offline_takes_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "0.note").write_bytes(b"\xff")
    assert run("verify", "--offline", str(tmp_path)).code == 4


def test_a_key_signs_logs_of_its_sizes_alone(copy: Copy) -> None:
    folder = copy("whole")
    key, size = folder.log.vkey, int(folder.note().stem)
    assert check(str(folder.path), [f"{key} 0-{size + 1}"])["integrity"] == "signed"
    for sizes in (f"0-{size}", f"{size + 1}-"):
        report = check(str(folder.path), [f"{key} {sizes}"])
        assert "checkpoint-signature" in {found["kind"] for found in report["findings"]}
    with pytest.raises(ValueError, match="no sizes"):
        check(str(folder.path), [f"{key} all"])


def test_a_retired_key_does_not_count_for_a_policy(copy: Copy, tmp_path: Path) -> None:
    folder = copy("whole")
    policy = tmp_path / "policy.toml"
    policy.write_text(f'origin = "{ORIGIN}"\nkeys = [{{ vkey = "{folder.log.vkey}", to_size = 1 }}]\n')
    answer = run("verify", "--offline", str(folder.path), "--policy", str(policy), "--json")
    assert answer.code == 1
    assert "checkpoint-signature" in {found["kind"] for found in answer.json["findings"]}


def test_a_checkpoint_that_somebody_put_into_an_anchor_is_no_fork(copy: Copy, tmp_path: Path) -> None:
    folder = copy("whole")
    text = parse_note(folder.note().read_bytes()).text
    forged = checkpoint_text(replace(parse_checkpoint(text), root=bytes(32)))
    shelf = tmp_path / "shelf" / shelf_name(ORIGIN) / "checkpoints"
    shelf.mkdir(parents=True)
    policy = tmp_path / "policy.toml"
    anchor = f'{{ type = "folder", name = "shelf", path = "{tmp_path / "shelf"}" }}'
    policy.write_text(
        f'origin = "{ORIGIN}"\nkeys = [{{ vkey = "{folder.log.vkey}" }}]\nanchors = [{anchor}]\n'
    )
    for key, code in ((SigningKey.generate(ORIGIN), 4), (read_key(folder.log.folder / "log.key"), 1)):
        note = Note(forged, (key.sign(forged),)).encode()
        (shelf / size_name(int(folder.note().stem))).write_bytes(note)
        answer = run("verify", "--offline", str(folder.path), "--policy", str(policy), "--json")
        assert answer.code == code, answer.out

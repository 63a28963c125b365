"""Evidence changed in every way, its manifest brought into line: the verifier says what does not hold."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pgaudit_kit.evidence import check
from pgaudit_kit.note import Note, SigningKey, checkpoint_text, parse_checkpoint, parse_note
from pgaudit_kit.signing import read_key
from tests.evidence.conftest import ORIGIN, OTHER, Log

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see


@pytest.fixture(scope="module")
def whole(log: Log) -> Path:
    return log.export("tampered", "--personal")


@pytest.fixture(scope="module")
def neighbour(log: Log) -> Path:
    return log.export("neighbour", tenant=OTHER[0])


class Folder:
    """A copy of evidence, to be changed."""

    def __init__(self, path: Path, log: Log, neighbour: Path) -> None:
        self.path, self.log, self.neighbour = path, log, neighbour

    def lines(self, name: str) -> list[bytes]:
        return (self.path / name).read_bytes().splitlines(keepends=True)

    def put(self, name: str, lines: list[bytes]) -> None:
        (self.path / name).write_bytes(b"".join(lines))

    def edit(self, name: str, change: Callable[[list[bytes]], object]) -> None:
        lines = self.lines(name)
        change(lines)
        self.put(name, lines)

    def json(self, name: str, change: Callable[[Any], object]) -> None:
        value = json.loads((self.path / name).read_bytes())
        change(value)
        (self.path / name).write_text(json.dumps(value, ensure_ascii=False))

    def note(self, size: int | None = None) -> Path:
        found = sorted((self.path / "checkpoints").iterdir(), key=lambda path: int(path.stem))
        return found[-1] if size is None else found[size]

    def conceal(self) -> None:
        """Bring the manifest into line, as a forger would."""

        def change(manifest: dict[str, Any]) -> None:
            for name in [name for name in manifest["files"] if (self.path / name).is_file()]:
                manifest["files"][name] = sha256((self.path / name).read_bytes()).hexdigest()

        self.json("manifest.json", change)

    def kinds(self) -> set[str]:
        report = check(str(self.path), [self.log.vkey])
        assert report["verdict"] == "failed" and report["exit_code"] == 1, report
        return {found["kind"] for found in report["findings"]}


@pytest.fixture
def folder(whole: Path, neighbour: Path, log: Log, tmp_path: Path) -> Folder:
    shutil.copytree(whole, tmp_path / "copy")
    return Folder(tmp_path / "copy", log, neighbour)


def swap(lines: list[bytes]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def flip(lines: list[bytes]) -> None:
    lines[1] = lines[1].replace(b'"price": 7', b'"price": 8')


def replace_values(lines: list[bytes]) -> None:
    at = next(at for at, line in enumerate(lines) if b"555-0100" in line)
    lines[at] = lines[at].replace(b"555-0100", b"555-0199")


def foreign(name: str, at: int) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        theirs = (folder.neighbour / name).read_bytes().splitlines(keepends=True)
        folder.edit(name, lambda lines: lines.__setitem__(at, theirs[at]))

    return change


def foreign_block(folder: Folder) -> None:
    for name in ("blocks.jsonl", "block-events.jsonl", "log/inclusion.jsonl"):
        foreign(name, 1)(folder)


def without_block(at: int) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        ids = json.loads(folder.lines("block-events.jsonl")[at])["event_ids"]
        for name in ("blocks.jsonl", "block-events.jsonl", "log/inclusion.jsonl"):
            folder.edit(name, lambda lines: lines.pop(at))
        for name in ("events.jsonl", "personal.jsonl"):
            folder.put(
                name,
                [line for line in folder.lines(name) if json.loads(line)["event_id"] not in ids],
            )

        def recount(manifest: dict[str, Any]) -> None:
            manifest["counts"]["events"] = len(folder.lines("events.jsonl"))
            header = folder.lines("blocks.jsonl")[-1][:-1]
            manifest["last_block"] = {
                "block_number": json.loads(header)["block_number"],
                "block_hash": sha256(header).hexdigest(),
            }

        folder.json("manifest.json", recount)

    return change


def header(field: str, value: object) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        lines = folder.lines("blocks.jsonl")
        made = json.loads(lines[1])
        made[field] = value
        lines[1] = json.dumps(made, separators=(",", ":")).encode() + b"\n"
        folder.put("blocks.jsonl", lines)

    return change


def lists(change: Callable[[dict[str, Any]], object]) -> Callable[[Folder], None]:
    def changed(folder: Folder) -> None:
        lines = folder.lines("block-events.jsonl")
        made = json.loads(lines[1])
        change(made)
        lines[1] = json.dumps(made).encode() + b"\n"
        folder.put("block-events.jsonl", lines)

    return changed


def signed_by(key: Callable[[Log], SigningKey], **changed: Any) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        old = parse_checkpoint(parse_note(folder.note().read_bytes()).text)
        text = checkpoint_text(replace(old, **changed))
        folder.note().write_bytes(Note(text, (key(folder.log).sign(text),)).encode())

    return change


def own_key(log: Log) -> SigningKey:
    return read_key(log.folder / "log.key")


def unsigned(folder: Folder) -> None:
    text = parse_note(folder.note().read_bytes()).text
    folder.note().write_text(text + "\n")


def damaged_signature(folder: Folder) -> None:
    note = parse_note(folder.note().read_bytes())
    value = bytearray(base64.b64decode(note.signatures[0].line.split()[-1]))
    value[20] ^= 1
    line = f"\u2014 {ORIGIN} {base64.b64encode(value).decode()}\n"
    folder.note().write_text(note.text + "\n" + line)


TAMPERINGS: dict[str, tuple[Callable[[Folder], object], set[str]]] = {
    "a value in an event": (lambda f: f.edit("events.jsonl", flip), {"event-changed"}),
    "an event dropped": (
        lambda f: f.edit("events.jsonl", lambda x: x.pop(2)), {"event-missing", "event-count"},
    ),
    "the last event dropped": (
        lambda f: f.edit("events.jsonl", lambda x: x.pop()),
        {"event-missing", "event-count", "personal-unknown"},
    ),
    "an event doubled": (lambda f: f.edit("events.jsonl", lambda x: x.insert(2, x[2])), {"event-extra"}),
    "events swapped": (
        lambda f: f.edit("events.jsonl", swap), {"event-extra", "event-missing", "event-count"},
    ),
    "another tenant's event": (
        foreign("events.jsonl", 0), {"event-extra", "event-missing", "event-count"},
    ),
    "a line that is no event": (
        lambda f: f.edit("events.jsonl", lambda x: x.insert(0, b"{}\n")), {"event-extra"},
    ),
    "an event cut off": (
        lambda f: f.edit("events.jsonl", lambda x: x.append(x.pop()[:-9])), {"file-malformed"},
    ),
    "an event id in a block": (
        lists(lambda x: x["event_ids"].__setitem__(0, 1)),
        {"event-order", "event-missing", "event-extra", "event-count"},
    ),
    "an event hash in a block": (
        lists(lambda x: x.update(event_hashes="00" * 32 + x["event_hashes"][64:])),
        {"merkle-root", "event-changed"},
    ),
    "a block's last event left out everywhere": (
        lists(lambda x: (x["event_ids"].pop(), x.update(event_hashes=x["event_hashes"][:-64]))),
        {"event-count", "event-order", "event-extra"},
    ),
    "a header's root": (header("merkle_root", "00" * 32), {"merkle-root", "prev-hash", "log-inclusion"}),
    "a header's time": (
        header("sealed_at", "2020-01-01T00:00:00.000000Z"), {"prev-hash", "log-inclusion"},
    ),
    "a header's link": (header("prev_hash", "00" * 32), {"prev-hash", "log-inclusion"}),
    "a header's tenant": (
        header("tenant", "00" * 32), {"tenant-digest", "prev-hash", "log-inclusion"},
    ),
    "a header with spaces": (
        lambda f: f.edit("blocks.jsonl", lambda x: x.__setitem__(0, x[0].replace(b":1,", b": 1,"))),
        {"file-malformed"},
    ),
    "another tenant's block": (foreign_block, {"tenant-digest", "prev-hash", "event-missing"}),
    "the first block dropped": (without_block(0), {"block-missing"}),
    "a block dropped": (without_block(1), {"block-missing"}),
    "a block's list dropped": (
        lambda f: f.edit("block-events.jsonl", lambda x: x.pop()), {"block-events", "event-extra"},
    ),
    "a header dropped": (lambda f: f.edit("blocks.jsonl", lambda x: x.pop()), {"block-missing"}),
    "blocks swapped": (lambda f: f.edit("blocks.jsonl", swap), {"block-missing", "block-order"}),
    "a proof changed": (
        lambda f: f.edit("log/inclusion.jsonl", lambda x: x.__setitem__(1, x[2])), {"log-inclusion"},
    ),
    "a proof cut off": (
        lambda f: f.edit("log/inclusion.jsonl", lambda x: x.pop()), {"log-inclusion"},
    ),
    "a consistency proof changed": (
        lambda f: f.json("log/consistency.json", lambda x: x[0]["proof"].append("00" * 32)),
        {"checkpoint-consistency"},
    ),
    "consistency proofs left out": (
        lambda f: f.json("log/consistency.json", lambda x: x.clear()), {"checkpoint-consistency"},
    ),
    "a checkpoint with another root, signed by another key": (
        signed_by(lambda log: SigningKey.generate(ORIGIN), root=bytes(32)),
        {"checkpoint-signature", "checkpoint-consistency", "log-inclusion"},
    ),
    "a checkpoint with another root, signed by the key": (
        signed_by(own_key, root=bytes(32)), {"checkpoint-consistency", "log-inclusion"},
    ),
    "a checkpoint of another size": (signed_by(own_key, size=7), {"checkpoint-size"}),
    "a checkpoint of another log": (signed_by(own_key, origin="elsewhere"), {"checkpoint-size"}),
    "a checkpoint signed by another key": (
        signed_by(lambda log: SigningKey.generate(ORIGIN)), {"checkpoint-signature"},
    ),
    "a checkpoint without signature": (unsigned, {"file-malformed"}),
    "a damaged signature": (damaged_signature, {"checkpoint-signature"}),
    "a personal value": (lambda f: f.edit("personal.jsonl", replace_values), {"personal-changed"}),
    "personal values dropped": (
        lambda f: f.put("personal.jsonl", []), {"personal-missing"},
    ),
    "a personal key dropped": (
        lambda f: f.edit("personal.jsonl", lambda x: x.pop(0)), {"personal-missing"},
    ),
    "an entry that stands twice": (
        lambda f: f.edit("personal.jsonl", lambda x: x.__setitem__(0, b'{"event_id":1,' + x[0][1:])),
        {"file-malformed"},
    ),
    "the tenant's name": (
        lambda f: f.json("manifest.json", lambda x: x.update(tenant="other")),
        {"tenant-digest", "event-tenant"},
    ),
    "the salt": (
        lambda f: f.json("manifest.json", lambda x: x.update(tenant_salt="00" * 32)), {"tenant-digest"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_change_is_found_for_what_it_is(folder: Folder, name: str) -> None:
    change, expected = TAMPERINGS[name]
    change(folder)
    folder.conceal()
    assert folder.kinds() >= expected


@pytest.mark.parametrize("name", ["events.jsonl", "blocks.jsonl", "tables.json", "README.md", "keys"])
def test_a_file_that_is_not_as_exported_is_named(folder: Folder, name: str) -> None:
    (folder.path / name).write_bytes((folder.path / name).read_bytes() + b"\n")
    assert "file-changed" in folder.kinds() or "file-malformed" in folder.kinds()


@pytest.mark.parametrize(
    "name", ["events.jsonl", "blocks.jsonl", "log/inclusion.jsonl", "keys", "tables.json"]
)
def test_a_file_that_is_gone_is_named(folder: Folder, name: str) -> None:
    (folder.path / name).unlink()
    assert "file-missing" in folder.kinds()


def test_a_link_is_not_followed(folder: Folder) -> None:
    (folder.path / "events.jsonl").unlink()
    (folder.path / "events.jsonl").symlink_to("/dev/zero")
    assert "file-missing" in folder.kinds()


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 200_000, b'{"format":' + b"9" * 100_000 + b"}", b"\xff"])
def test_a_manifest_that_is_none_is_not_concluded(folder: Folder, data: bytes) -> None:
    (folder.path / "manifest.json").write_bytes(data)
    assert check(str(folder.path))["exit_code"] == 4


def test_another_log_of_the_same_key_is_not_the_one_that_was_meant(folder: Folder) -> None:
    keys = [folder.log.vkey]
    assert check(str(folder.path), keys, origins=[ORIGIN])["verdict"] == "ok"
    report = check(str(folder.path), keys, origins=["audit.example.com/other"])
    assert {found["kind"] for found in report["findings"]} == {"checkpoint-origin"}


def test_a_key_that_the_auditor_has_must_have_signed(folder: Folder) -> None:
    other = SigningKey.generate(ORIGIN).verifier.vkey
    report = check(str(folder.path), [other])
    assert {found["kind"] for found in report["findings"]} == {"checkpoint-signature"}


def test_a_checkpoint_from_elsewhere_anchors_the_evidence_or_shows_a_fork(folder: Folder) -> None:
    note = folder.note().read_bytes()
    assert check(str(folder.path), [folder.log.vkey], anchors=[note])["integrity"] == "anchored"
    signed_by(own_key, root=bytes(32))(folder)
    report = check(str(folder.path), [folder.log.vkey], anchors=[note])
    assert "checkpoint-fork" in {found["kind"] for found in report["findings"]}


def test_witnesses_raise_the_evidence_and_their_absence_is_not_concluded(folder: Folder) -> None:
    witness = SigningKey.generate("witness.example", 4)
    keys, witnesses = [folder.log.vkey], [witness.verifier.vkey]
    assert check(str(folder.path), keys, witnesses)["exit_code"] == 4
    for at, path in enumerate(sorted((folder.path / "checkpoints").iterdir(), key=lambda one: int(one.stem))):
        note = parse_note(path.read_bytes())
        cosigned = note.with_signatures([witness.cosign(note.text, 1_800_000_000 + at)])
        path.write_bytes(cosigned.encode())
    folder.conceal()
    report = check(str(folder.path), keys, witnesses)
    assert (report["verdict"], report["integrity"]) == ("ok", "witnessed")
    assert check(str(folder.path), keys, witnesses, 2)["exit_code"] == 4


def test_time_is_bracketed_where_witnesses_saw_the_log_before_and_after(log: Log, tmp_path: Path) -> None:
    query = "SELECT event_id FROM audit.events WHERE tenant_id = 'acme' AND block_number = 2 LIMIT 1"
    (event,) = log.db.execute(query).fetchone() or (0,)
    folder = Folder(log.export("bracket", "--event", str(event)), log, tmp_path)
    witness = SigningKey.generate("witness.example", 4)
    for at, path in enumerate(sorted((folder.path / "checkpoints").iterdir(), key=lambda one: int(one.stem))):
        note = parse_note(path.read_bytes())
        path.write_bytes(note.with_signatures([witness.cosign(note.text, 1_800_000_000 + at)]).encode())
    folder.conceal()
    report = check(str(folder.path), [log.vkey], [witness.verifier.vkey])
    assert (report["verdict"], report["time"]) == ("ok", "bracketed")
    assert report["bracket"] == ["2027-01-15T08:00:00Z", "2027-01-15T08:00:01Z"]

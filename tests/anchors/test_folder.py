"""Checkpoints in a folder: whole or not at all, never overwritten, and whatever else lies there is told."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pgaudit_kit.anchor_specs import FolderAnchor
from pgaudit_kit.anchors import Anchor, AnchorAhead, AnchorConflict, AnchorFailed, open_anchor
from pgaudit_kit.stores import FolderStore, StoreFailed
from tests.anchors.logs import ORIGIN, Log, no_proof

LOG = Log()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "anchor"


def anchor(folder: Path) -> Anchor:
    return open_anchor(FolderAnchor(name="vault", path=str(folder)))


def shelf(folder: Path) -> Path:
    return folder / sha256(ORIGIN.encode()).hexdigest() / "checkpoints"


def test_files_are_named_by_size_and_nobody_may_write_them(folder: Path) -> None:
    anchor(folder).publish(LOG.note(7), no_proof)
    file = shelf(folder) / "00000000000000000007"
    assert file.read_bytes() == LOG.note(7)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert [path.name for path in shelf(folder).iterdir()] == [file.name]


def test_a_folder_of_years_is_listed_once_and_again_where_another_has_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Any] = []
    real = os.listdir

    def listdir(path: Path) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    mine = anchor(folder)
    for size in range(1, 20):
        mine.publish(LOG.note(size), LOG.prove(size))
    assert len(listed) <= 2
    anchor(folder).publish(LOG.note(25), LOG.prove(25))
    with pytest.raises(AnchorAhead):
        mine.publish(LOG.note(20), LOG.prove(20))


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("call", ["mkdir", "fsync", "fchmod", "link", "unlink"])
@pytest.mark.parametrize("after", [False, True])
def test_after_a_crash_at_any_step_publishing_again_gives_the_whole_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: bool
) -> None:
    real: Callable[..., Any] = getattr(os, call)

    def crash(*args: Any, **options: Any) -> Any:
        if after:
            real(*args, **options)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(os, call, crash)
        with pytest.raises(Crash):
            anchor(folder).publish(LOG.note(7), no_proof)
    assert all(found.note == LOG.note(7) for found in anchor(folder).found(ORIGIN))
    anchor(folder).publish(LOG.note(7), no_proof)
    assert [(found.note, found.problem) for found in anchor(folder).found(ORIGIN)] == [(LOG.note(7), None)]


def test_who_is_second_by_a_hair_compares_with_what_the_first_wrote(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def beaten(source: str, target: Path, **options: Any) -> None:
        target.write_bytes(LOG.forked(2).note(7))
        real(source, target, **options)

    monkeypatch.setattr(os, "link", beaten)
    with pytest.raises(AnchorConflict) as caught:
        anchor(folder).publish(LOG.note(7), no_proof)
    assert caught.value.other == LOG.forked(2).note(7)


def test_whatever_else_lies_there_is_found_with_what_is_wrong(folder: Path) -> None:
    anchor(folder).publish(LOG.note(7), no_proof)
    at = shelf(folder)
    (at / "00000000000000000008").write_bytes(b"this is no note")
    (at / "00000000000000000009").write_bytes(LOG.note(7))
    (at / "00000000000000000010").write_bytes(Log("other.example/log").note(10))
    (folder / "elsewhere").write_bytes(LOG.note(11))
    (at / "00000000000000000011").symlink_to(folder / "elsewhere")
    (at / "00000000000000000012").mkdir()
    os.mkfifo(at / "00000000000000000013")
    (at / "copy of 7").write_bytes(LOG.note(7))
    found = {Path(one.where).name: one.problem for one in anchor(folder).found(ORIGIN)}
    assert found.pop("00000000000000000007") is None
    assert "no signed checkpoint" in str(found["00000000000000000008"])
    assert "7 leaves under the name of 9" in str(found["00000000000000000009"])
    assert "another log, other.example/log" in str(found["00000000000000000010"])
    assert "not the size" in str(found["copy of 7"])
    assert len(found) == 7 and all(found.values())


def test_a_file_in_the_way_is_evidence_not_overwritten(folder: Path) -> None:
    shelf(folder).mkdir(parents=True)
    file = shelf(folder) / "00000000000000000007"
    file.write_bytes(b"rubbish")
    with pytest.raises(AnchorConflict) as caught:
        anchor(folder).publish(LOG.note(7), no_proof)
    assert caught.value.other == file.read_bytes() == b"rubbish"
    with pytest.raises(AnchorConflict, match="no checkpoint"):
        anchor(folder).publish(LOG.note(8), LOG.prove(8))
    with pytest.raises(AnchorConflict, match="where a larger checkpoint would be"):
        anchor(folder).publish(LOG.note(6), LOG.prove(6))


def test_a_folder_that_cannot_be_used_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AnchorFailed, match="Anchor vault: The folder cannot be used") as caught:
        anchor(tmp_path / "file").publish(LOG.note(7), no_proof)
    assert caught.value.hint and str(tmp_path / "file") in str(caught.value.at)
    assert caught.value.exit_code == 4


def test_a_file_system_without_hard_links_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*args: Any, **options: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(AnchorFailed, match="no hard links"):
        anchor(folder).publish(LOG.note(7), no_proof)
    assert list(shelf(folder).iterdir()) == []


def test_keys_do_not_lead_out_of_the_store(folder: Path) -> None:
    for key in ("../x", "/etc/passwd", "a/../../b", "", "a\0b"):
        with pytest.raises(ValueError):
            FolderStore(folder).read(key)


def test_an_enormous_file_is_not_read(folder: Path) -> None:
    folder.mkdir()
    with (folder / "big").open("wb") as file:
        file.truncate(40_000_000)
    with pytest.raises(StoreFailed, match="longer than"):
        FolderStore(folder).read("big")

"""Whatever is done to the bytes of evidence, the verifier answers, and accepts no other events."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit.evidence import check
from tests.evidence.conftest import Log

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

PROVED = ("events.jsonl", "blocks.jsonl")
"""Files of which no byte may differ in accepted evidence; others are asserted, or free in their spelling."""

Mutation = tuple[int, int, bytes, int, bool]
"""File, place in it in millionths, what comes there, how many bytes go, whether the manifest follows."""

STRANGE = st.sampled_from(
    [b"", b"\n", b"\n\n", b"\0", b"\xff", b"{}", b"null", b"[]", b"-1", b'"', b"9" * 30, b"1e999",
     b"[" * 3000, "\u2014 a AAAA\n".encode(), b"NaN", b'{"event_ids":null}']
)  # fmt: skip


@pytest.fixture(scope="module")
def original(log: Log) -> Path:
    return log.export("mutated", "--personal")


@st.composite
def mutations(draw: st.DrawFn) -> Mutation:
    inserted = draw(st.one_of(st.binary(max_size=3), STRANGE))
    removed = draw(st.one_of(st.integers(0, 3), st.sampled_from([64, 1000, 10**9])))
    return draw(st.integers(0, 99)), draw(st.integers(0, 10**6)), inserted, removed, draw(st.booleans())


def mutate(original: Path, copy: Path, mutation: Mutation) -> str | None:
    """Do it to a copy; the name of the file, None where nothing was changed."""
    number, place, inserted, removed, concealed = mutation
    names = sorted(str(path.relative_to(original)) for path in original.rglob("*") if path.is_file())
    name = names[number % len(names)]
    data = (original / name).read_bytes()
    at = len(data) * place // 10**6
    changed = data[:at] + inserted + data[at + removed :]
    if changed == data:
        return None
    (copy / name).write_bytes(changed)
    if concealed and name != "manifest.json":
        manifest = json.loads((original / "manifest.json").read_bytes())
        manifest["files"][name] = sha256(changed).hexdigest()
        (copy / "manifest.json").write_text(json.dumps(manifest))
    return name


def assert_answered(log: Log, original: Path, copy: Path, mutation: Mutation) -> None:
    if not copy.exists():
        shutil.copytree(original, copy)
    name = mutate(original, copy, mutation)
    if name is None:
        return
    report = check(str(copy), [log.vkey])
    for changed in (name, "manifest.json"):
        shutil.copyfile(original / changed, copy / changed)
    assert report["exit_code"] in (0, 1, 4)
    if name != "manifest.json" and (not mutation[-1] or name in PROVED):
        assert report["exit_code"] == 1, (name, report)


@pytest.mark.any_server
@given(mutation=mutations())
def test_mutations(log: Log, original: Path, tmp_path: Path, mutation: Mutation) -> None:
    assert_answered(log, original, tmp_path / "copy", mutation)

"""Signed notes, checkpoints and cosignatures: known answers, and everything malformed is refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import merkle
from pgaudit_kit.note import (
    COSIGNATURE,
    Checkpoint,
    Note,
    NoteMalformed,
    SigningKey,
    VerifierKey,
    checkpoint_text,
    cosigned_at,
    open_note,
    parse_checkpoint,
    parse_note,
    parse_vkey,
)

# the example of c2sp.org/signed-note
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo"
    " Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# the key pair of tessera's test log, and what its entries hold
LOG_SECRET = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
LOG_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
ENTRIES = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split()
CHECKPOINTS = json.loads((Path(__file__).parent / "vectors" / "checkpoints.json").read_text())

KEY = SigningKey.generate("example.com/log")
WITNESS = SigningKey.generate("witness.example/w1", COSIGNATURE)
TEXT = checkpoint_text(Checkpoint("example.com/log", 3, bytes(range(32))))
NOTE = Note(TEXT, (KEY.sign(TEXT), WITNESS.cosign(TEXT, 1_700_000_000)))


def test_the_specifications_example_opens() -> None:
    assert open_note(SPEC_NOTE.encode(), [parse_vkey(SPEC_KEY)]) == [parse_vkey(SPEC_KEY)]
    assert parse_note(SPEC_NOTE.encode()).encode() == SPEC_NOTE.encode()


@pytest.mark.parametrize("size", range(16))
def test_checkpoints_of_another_implementation_come_out_the_same(size: int) -> None:
    key = SigningKey.parse(LOG_SECRET)
    root = merkle.root(entry.encode() for entry in ENTRIES[:size])
    text = checkpoint_text(Checkpoint("example.com/log/testdata", size, root))
    assert Note(text, (key.sign(text),)).encode() == CHECKPOINTS[size].encode()
    assert open_note(CHECKPOINTS[size].encode(), [parse_vkey(LOG_KEY)]) == [key.verifier]
    assert parse_checkpoint(text) == Checkpoint("example.com/log/testdata", size, root)


def test_keys_come_back_from_their_texts() -> None:
    for key in (KEY, WITNESS):
        assert SigningKey.parse(key.text) == key
        assert parse_vkey(key.verifier.vkey) == key.verifier
    assert KEY.text not in repr(KEY)
    assert KEY.seed.hex() not in repr(KEY)


def test_a_note_names_every_known_key_that_signed_it() -> None:
    assert open_note(NOTE.encode(), [WITNESS.verifier, KEY.verifier]) == [KEY.verifier, WITNESS.verifier]
    assert open_note(NOTE.encode(), [KEY.verifier]) == [KEY.verifier]
    assert cosigned_at(NOTE.signatures[1]) == 1_700_000_000


def test_signatures_of_unknown_keys_are_ignored_and_a_note_of_none_but_them_is_refused() -> None:
    stranger = SigningKey.generate("example.com/log")
    with pytest.raises(NoteMalformed, match="no known key"):
        open_note(NOTE.encode(), [stranger.verifier])


@pytest.mark.parametrize("index", [0, 1])
def test_a_known_keys_bad_signature_refuses_the_whole_note(index: int) -> None:
    signatures = list(NOTE.signatures)
    good = signatures[index]
    value = bytearray(good.value)
    value[-1] ^= 1
    signatures[index] = type(good)(good.name, good.key_id, bytes(value))
    with pytest.raises(NoteMalformed, match="is not good"):
        open_note(Note(TEXT, tuple(signatures)).encode(), [KEY.verifier, WITNESS.verifier])


def test_a_cosignature_of_another_time_is_not_good() -> None:
    good = NOTE.signatures[1]
    later = type(good)(good.name, good.key_id, (1_700_000_001).to_bytes(8, "big") + good.value[8:])
    with pytest.raises(NoteMalformed, match="is not good"):
        open_note(Note(TEXT, (later,)).encode(), [WITNESS.verifier])


def test_a_signature_over_the_bare_text_is_no_cosignature() -> None:
    log = SigningKey(WITNESS.name, WITNESS.seed)
    value = (1_700_000_000).to_bytes(8, "big") + log.sign(TEXT).value
    forged = type(NOTE.signatures[0])(WITNESS.name, WITNESS.verifier.key_id, value)
    with pytest.raises(NoteMalformed, match="is not good"):
        open_note(Note(TEXT, (forged,)).encode(), [WITNESS.verifier])


def test_keys_sign_nothing_but_what_they_are_for() -> None:
    with pytest.raises(ValueError, match="cosignatures"):
        WITNESS.sign(TEXT)
    with pytest.raises(ValueError, match="cosigner"):
        KEY.cosign(TEXT, 1)


def test_a_newer_signature_of_the_same_key_takes_the_older_ones_place() -> None:
    again = NOTE.with_signatures([WITNESS.cosign(TEXT, 1_700_000_060)])
    assert [one.name for one in again.signatures] == [KEY.name, WITNESS.name]
    assert cosigned_at(again.signatures[1]) == 1_700_000_060


def test_the_text_may_hold_empty_lines_and_is_split_at_the_last() -> None:
    text = "a\n\nb\n"
    note = Note(text, (KEY.sign(text),))
    assert parse_note(note.encode()).text == text
    assert open_note(note.encode(), [KEY.verifier])


LINE = NOTE.signatures[0].line
MALFORMED = {
    "no signature": (TEXT + "\n").encode(),
    "no empty line": (TEXT + LINE).encode(),
    "no last newline": NOTE.encode()[:-1],
    "carriage return": NOTE.encode().replace(b"\n", b"\r\n"),
    "tab": TEXT.replace("3", "\t").encode() + b"\n" + LINE.encode(),
    "NUL": b"\0" + NOTE.encode(),
    "not UTF-8": b"\xff" + NOTE.encode(),
    "hyphen for the dash": (TEXT + "\n" + LINE.replace("\u2014", "-")).encode(),
    "two spaces": (TEXT + "\n" + LINE.replace(" ", "  ", 1)).encode(),
    "text after the signature": (TEXT + "\n" + LINE[:-1] + " x\n").encode(),
    "plus in the name": (TEXT + "\n" + LINE.replace("example", "exa+mple")).encode(),
    "no-break space in the name": (TEXT + "\n" + LINE.replace("example", "exa\u00a0mple")).encode(),
    "base64 without padding": (TEXT + "\n" + LINE.replace("=", "")).encode(),
    "base64 with loose bits": (TEXT + "\n" + LINE[:-3] + chr(ord(LINE[-3]) + 1) + LINE[-2:]).encode(),
    "key id alone": (TEXT + "\n\u2014 example.com/log AAAAAA==\n").encode(),
    "too long": b"x" * 1_000_001,
    "too many signatures": (TEXT + "\n" + LINE * 101).encode(),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_notes_are_refused(data: bytes) -> None:
    with pytest.raises(NoteMalformed):
        parse_note(data)


def test_sixteen_signatures_are_accepted() -> None:
    keys = [SigningKey.generate(f"example.com/{number}") for number in range(16)]
    note = Note(TEXT, tuple(key.sign(TEXT) for key in keys))
    assert len(open_note(note.encode(), [key.verifier for key in keys])) == 16


BAD_CHECKPOINTS = {
    "empty": "",
    "two lines": "example.com/log\n3\n",
    "no last newline": TEXT[:-1],
    "empty origin": TEXT.replace("example.com/log", ""),
    "space in the origin": TEXT.replace("/", " "),
    "plus in the origin": TEXT.replace("/", "+"),
    "leading zero": TEXT.replace("\n3\n", "\n03\n"),
    "sign": TEXT.replace("\n3\n", "\n+3\n"),
    "digits of another script": TEXT.replace("\n3\n", "\n\u0663\n"),
    "size beyond a bigint": TEXT.replace("\n3\n", f"\n{2**63}\n"),
    "short root": "example.com/log\n3\nAAAA\n",
    "root of another spelling": TEXT.replace("=\n", "\n"),
    "empty extension": TEXT + "\n",
}


@pytest.mark.parametrize("text", BAD_CHECKPOINTS.values(), ids=BAD_CHECKPOINTS)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        parse_checkpoint(text)


def test_extension_lines_come_back() -> None:
    checkpoint = Checkpoint("example.com/log", 3, bytes(32), ("one", "two words"))
    assert parse_checkpoint(checkpoint_text(checkpoint)) == checkpoint
    with pytest.raises(NoteMalformed):
        checkpoint_text(Checkpoint("example.com/log", 3, bytes(32), ("one\ntwo",)))


BAD_KEYS = {
    "parts": "example.com/foo+530d903a",
    "id": SPEC_KEY.replace("530d903a", "530d903b"),
    "upper case id": SPEC_KEY.replace("530d903a", "530D903A"),
    "name": SPEC_KEY.replace("foo", "bar"),
    "type": VerifierKey("x", 1, bytes(32)).vkey.replace("AQ", "Ag"),
    "length": "x+00000000+AQ==",
    "empty": "x+00000000+",
    "base64": SPEC_KEY[:-1],
}


@pytest.mark.parametrize("text", BAD_KEYS.values(), ids=BAD_KEYS)
def test_malformed_keys_are_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        parse_vkey(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\u0085b"])
def test_a_key_must_have_a_name_that_a_note_can_carry(name: str) -> None:
    with pytest.raises(NoteMalformed):
        SigningKey.generate(name)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    survives(data)


@given(st.data())
def test_a_note_with_bytes_changed_is_never_taken_for_signed(data: st.DataObject) -> None:
    change_some_bytes(data)


@given(st.text(max_size=120), st.sampled_from(["", "\n", "\n\n", "\n\n\u2014 a AAAAAAA=\n"]))
def test_texts_are_notes_checkpoints_and_keys_or_refused(text: str, end: str) -> None:
    survives((text + end).encode("utf-8", "surrogatepass"))
    for parse in (parse_checkpoint, parse_vkey, SigningKey.parse):
        with contextlib.suppress(NoteMalformed):
            parse(text + end)


def change_some_bytes(data: st.DataObject) -> None:
    """Changes up to three places of a note, and opens it."""
    original = NOTE.encode()
    mutated = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    survives(bytes(mutated))
    if mutated == original:
        return
    try:
        signed = open_note(bytes(mutated), [KEY.verifier])
    except NoteMalformed:
        return
    # what the key signed is intact: only the witness's line can have changed
    assert signed == [KEY.verifier]
    assert parse_note(bytes(mutated)).text == TEXT


def survives(data: bytes) -> None:
    """Parses and prints back to the same bytes, or is refused with the one error."""
    try:
        note = parse_note(data)
    except NoteMalformed:
        return
    assert note.encode() == data

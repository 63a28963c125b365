"""The signed note: a text, an empty line, and signature lines (c2sp.org/signed-note)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgaudit_kit.note.errors import NoteMalformed, from_base64
from pgaudit_kit.note.keys import Signature, VerifierKey, is_key_name

MOST_BYTES = 1_000_000
MOST_SIGNATURES = 100
"""The specification asks for 16 at least."""

_DASH = "\u2014 "


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures in their order."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        return (self.text + "\n" + "".join(one.line for one in self.signatures)).encode()

    def with_signatures(self, more: Iterable[Signature]) -> Note:
        """The note with further signatures; a newer one of the same key takes the older one's place."""
        kept = {(one.name, one.key_id): one for one in (*self.signatures, *more)}
        return Note(self.text, tuple(kept.values()))


def parse_note(data: bytes) -> Note:
    """Read a note; NoteMalformed for anything that is not exactly one. Verifies no signature."""
    if len(data) > MOST_BYTES:
        raise NoteMalformed(f"a note of {len(data)} bytes is too long")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteMalformed("the note is not UTF-8") from None
    if any(char < " " and char != "\n" for char in whole):
        raise NoteMalformed("the note holds a control character")
    split = whole.rfind("\n\n")
    if split < 0:
        raise NoteMalformed("no empty line parts the text from the signatures")
    text, rest = whole[: split + 1], whole[split + 2 :]
    return Note(text, parse_signatures(rest))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Read signature lines alone, as a witness answers; at least one, each with its newline."""
    if not lines.endswith("\n"):
        raise NoteMalformed("the last signature line has no newline")
    found = lines[:-1].split("\n")
    if len(found) > MOST_SIGNATURES:
        raise NoteMalformed(f"{len(found)} signatures are too many")
    return tuple(map(_signature, found))


def open_note(data: bytes, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """The known keys that signed the note, each once.

    Signatures of unknown keys are ignored. Raises NoteMalformed where the signature of a known key
    is not good, and where no known key signed.
    """
    return signed_by(parse_note(data), keys)


def signed_by(note: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """As open_note, for a note that was read."""
    known = {(key.name, key.key_id): key for key in keys}
    signed: list[VerifierKey] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not key.verifies(note.text, signature):
            raise NoteMalformed(f"the signature of {key.name} ({key.key_id.hex()}) is not good")
        if key not in signed:
            signed.append(key)
    if not signed:
        raise NoteMalformed("no known key signed the note")
    return signed


def _signature(line: str) -> Signature:
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2 or not is_key_name(parts[0]):
        raise NoteMalformed(f"{line[:60]!r} is not a signature line")
    value = from_base64(parts[1], "a signature")
    if len(value) < 5:
        raise NoteMalformed("a signature is shorter than its key id")
    return Signature(parts[0], value[:4], value[4:])

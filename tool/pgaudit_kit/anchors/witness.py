"""A witness (c2sp.org/tlog-witness): cosigns what is consistent with everything it saw of a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from pgaudit_kit.anchor_specs import WitnessAnchor
from pgaudit_kit.anchors.errors import AnchorAhead, AnchorConflict, AnchorFailed
from pgaudit_kit.anchors.http import Reply, ask
from pgaudit_kit.anchors.model import Found, Prove, own_note, problem_of, shelf_name
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.note import (
    COSIGNATURE,
    Checkpoint,
    Note,
    NoteMalformed,
    Signature,
    cosigned_at,
    parse_note,
    parse_signatures,
    parse_vkey,
)
from pgaudit_kit.note.errors import to_base64

SIZE_TYPE = "text/x.tlog.size"

_SAID = {
    400: "it takes the request for malformed",
    403: "it trusts no key that signed this checkpoint",
    404: "it does not know this log, or nothing answers at this address",
    429: "it was asked too often",
}
_HINTS = {
    403: "Give its operator the log's verifier key; after a change of key, the new one.",
    404: "Give its operator the log's verifier key (its origin), and check the URL.",
}


class Witness:
    """A witness that is asked by HTTP and believed only for what its key has signed."""

    def __init__(self, spec: WitnessAnchor) -> None:
        """Take the configuration; ConfigError where its key cannot cosign."""
        self.name = spec.name
        self._url = spec.url.rstrip("/")
        self._monitor = (spec.monitor_url or spec.url).rstrip("/")
        self._timeout_s = spec.timeout_s
        try:
            self._key = parse_vkey(spec.vkey)
        except NoteMalformed as error:
            raise ConfigError(f"Anchor {self.name}: {error}.", at="vkey") from error
        if self._key.algorithm != COSIGNATURE:
            raise ConfigError(
                f"Anchor {self.name}: {spec.vkey} is a log's key; a witness has one of type 4.", at="vkey"
            )
        self._cosigned: dict[str, int] = {}
        """What this process has seen cosigned, which spares the witness the question."""

    def publish(self, note: bytes, prove: Prove) -> bytes:
        """Ask for a cosignature: see Anchor. Asking again gives one with a newer time."""
        own, checkpoint = own_note(note, self.name)
        origin, size = checkpoint.origin, checkpoint.size
        old = min(self._cosigned.get(origin, 0), size)
        reply = self._submit(own, checkpoint, old, prove)
        if reply.status == 409:
            old = self._size_in(reply)
            if old > size:
                raise self._ahead(checkpoint, old)
            reply = self._submit(own, checkpoint, old, prove)
        if reply.status == 409:
            raise self._failed("another signer was faster, twice", hint="Let one signer at a time publish.")
        if reply.status == 422:
            raise self._conflict(checkpoint, old)
        if reply.status != 200:
            said = _SAID.get(reply.status, "it did not cosign")
            raise self._failed(f"{said} (it answered {reply.words!r})", hint=_HINTS.get(reply.status))
        cosignature = self._cosignature(own, reply)
        self._cosigned[origin] = size
        return cosignature.line.encode()

    def found(self, origin: str, since: int = 0) -> Iterator[Found]:
        """The newest checkpoint that it cosigned, if it shows one."""
        note = self._held(origin)
        if note is None:
            return
        where = self._held_url(origin)
        problem = problem_of(note, origin, None)
        if problem is not None:
            yield Found(note, where, problem=problem)
            return
        signature = self._own_signature(parse_note(note))
        if signature is None:
            yield Found(note, where, problem=f"the cosignature of {self._key.name} is missing or not good")
            return
        yield Found(note, where, _time(signature))

    def _submit(self, note: Note, checkpoint: Checkpoint, old: int, prove: Prove) -> Reply:
        proof = prove(old) if 0 < old < checkpoint.size else []
        lines = "".join(f"{to_base64(node)}\n" for node in proof)
        body = f"old {old}\n{lines}\n".encode() + note.encode()
        url = f"{self._url}/add-checkpoint"
        return ask(url, body=body, timeout_s=self._timeout_s, headers={"Content-Type": "text/plain"})

    def _size_in(self, reply: Reply) -> int:
        if reply.content_type != SIZE_TYPE or not re.fullmatch(rb"(0|[1-9][0-9]{0,18})\n", reply.body):
            raise self._failed(f"it refused without saying which size it knows ({reply.words!r})")
        return int(reply.body)

    def _cosignature(self, note: Note, reply: Reply) -> Signature:
        try:
            answered = Note(note.text, parse_signatures(reply.body.decode("utf-8")))
        except ValueError as error:
            raise self._failed(f"its answer is no signature: {error}") from error
        signature = self._own_signature(answered)
        if signature is None:
            raise self._failed(
                f"its answer has no good cosignature of {self._key.vkey}",
                hint="Compare the key in the configuration with the one that the witness publishes.",
            )
        return signature

    def _own_signature(self, note: Note) -> Signature | None:
        """Its newest good cosignature on the note; a time of zero would say nothing."""
        good = [one for one in note.signatures if self._key.verifies(note.text, one) and cosigned_at(one)]
        return max(good, key=cosigned_at, default=None)

    def _held(self, origin: str) -> bytes | None:
        reply = ask(self._held_url(origin), timeout_s=self._timeout_s)
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise self._failed(f"it does not show its checkpoint (it answered {reply.words!r})")
        return reply.body

    def _held_url(self, origin: str) -> str:
        return f"{self._monitor}/{shelf_name(origin)}/checkpoint"

    def _evidence(self, origin: str) -> bytes:
        try:
            return self._held(origin) or b""
        except AnchorFailed:
            return b""  # what it refused is known; that it shows nothing must not hide it

    def _ahead(self, checkpoint: Checkpoint, size: int) -> AnchorAhead:
        return AnchorAhead(
            f"Anchor {self.name} has cosigned {size} leaves of {checkpoint.origin}, more than the"
            f" {checkpoint.size} of this checkpoint.",
            size=size,
            other=self._evidence(checkpoint.origin),
            at=self._held_url(checkpoint.origin),
        )

    def _conflict(self, checkpoint: Checkpoint, old: int) -> AnchorConflict:
        return AnchorConflict(
            f"Anchor {self.name} has cosigned {old} leaves of {checkpoint.origin} that are no beginning of"
            f" the {checkpoint.size} of this checkpoint.",
            other=self._evidence(checkpoint.origin),
            at=self._held_url(checkpoint.origin),
        )

    def _failed(self, what: str, *, hint: str | None = None) -> AnchorFailed:
        return AnchorFailed(f"Anchor {self.name}: {what}.", at=self._url, hint=hint)


def _time(signature: Signature) -> datetime | None:
    try:
        return datetime.fromtimestamp(cosigned_at(signature), UTC)
    except (OverflowError, ValueError, OSError):
        return None

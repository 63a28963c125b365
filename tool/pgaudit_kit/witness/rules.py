"""What a witness answers (c2sp.org/tlog-witness v1.0.0), in the order in which the specification checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from pgaudit_kit.merkle import EMPTY_ROOT, verify_consistency
from pgaudit_kit.note import Note, NoteMalformed, Signature, SigningKey, VerifierKey, signed_by
from pgaudit_kit.witness.ledger import Books, Conflict, Ledger, Seen
from pgaudit_kit.witness.request import AddCheckpoint, Malformed, parse_request

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of HTTP."""

    status: int
    body: bytes
    content_type: str = TEXT
    origin: str | None = None
    """The log that it is about, for the witness's own records."""


class Witness:
    """One key, the logs whose checkpoints it cosigns, and what it has cosigned."""

    def __init__(
        self, key: SigningKey, logs: Iterable[VerifierKey], ledger: Ledger, clock: Callable[[], float]
    ) -> None:
        """Take the cosigner's key and the keys of the logs, whose names are the origins."""
        self.key = key
        self._ledger, self._clock = ledger, clock
        self._logs: dict[str, list[VerifierKey]] = {}
        for log in logs:
            self._logs.setdefault(log.name, []).append(log)
        self._by_hash = {sha256(origin.encode()).hexdigest(): origin for origin in self._logs}

    def add_checkpoint(self, body: bytes) -> Reply:
        """Cosign the checkpoint, or say why not."""
        try:
            request = parse_request(body)
        except Malformed as error:
            return _said(400, f"malformed: {error}")
        origin = request.checkpoint.origin
        keys = self._logs.get(origin)
        if keys is None:
            return _said(404, "this log is not known here")
        try:
            signed_by(request.note, keys)
        except NoteMalformed as error:
            return _said(403, str(error), origin)
        if request.old > request.checkpoint.size:
            return _said(400, "the old size is larger than the checkpoint's", origin)
        with self._ledger.changing() as books:
            return self._judge(request, keys, books)

    def checkpoint(self, origin_hash: str) -> Reply:
        """The newest checkpoint cosigned of the log whose origin has this SHA-256."""
        origin = self._by_hash.get(origin_hash)
        seen = self._ledger.newest(origin) if origin is not None else None
        if seen is None:
            return _said(404, "no checkpoint of this log was cosigned here", origin)
        return Reply(200, seen.note, origin=origin)

    def _judge(self, request: AddCheckpoint, keys: list[VerifierKey], books: Books) -> Reply:
        checkpoint = request.checkpoint
        seen = books.newest(checkpoint.origin)
        size, root = (seen.size, seen.root) if seen else (0, EMPTY_ROOT)
        self._keep_if_conflict(request, keys, books)
        if request.old != size:
            return Reply(409, f"{size}\n".encode(), SIZE, checkpoint.origin)
        if problem := _inconsistent(request, root):
            return _said(422, problem, checkpoint.origin)
        at = max(1, int(self._clock()))
        cosignature = self.key.cosign(request.note.text, at)
        note = Note(request.note.text, (*_good(request.note, keys), cosignature)).encode()
        books.cosign(Seen(checkpoint.origin, checkpoint.size, checkpoint.root, note), at)
        return Reply(200, cosignature.line.encode(), origin=checkpoint.origin)

    def _keep_if_conflict(self, request: AddCheckpoint, keys: list[VerifierKey], books: Books) -> None:
        checkpoint = request.checkpoint
        if books.root(checkpoint.origin, checkpoint.size) in (None, checkpoint.root):
            return
        note = Note(request.note.text, _good(request.note, keys)).encode()
        at = int(self._clock())
        books.keep_conflict(Conflict(checkpoint.origin, checkpoint.size, checkpoint.root, note, at))


def _inconsistent(request: AddCheckpoint, root: bytes) -> str | None:
    """Why the checkpoint does not go on from the tree of `request.old` leaves with this root."""
    checkpoint = request.checkpoint
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        return "a log without leaves has the hash of nothing as its root"
    if request.old == 0:
        return "nothing is to be proved about a log without leaves" if request.proof else None
    if request.old == checkpoint.size and checkpoint.root != root:
        return "another checkpoint of this size was cosigned"
    if not verify_consistency(request.old, checkpoint.size, request.proof, root, checkpoint.root):
        return "the proof does not lead from the checkpoint that was cosigned to this one"
    return None


def _good(note: Note, keys: list[VerifierKey]) -> tuple[Signature, ...]:
    """The log's signatures that were verified; what others added is nobody's word here."""
    return tuple(one for one in note.signatures if any(key.verifies(note.text, one) for key in keys))


def _said(status: int, words: str, origin: str | None = None) -> Reply:
    return Reply(status, f"{words}\n".encode(), origin=origin)

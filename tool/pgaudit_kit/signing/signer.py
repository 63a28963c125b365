"""Signs the next checkpoint: commit, then sign, then publish, then mark published.

Whatever happens between two of these steps, the next run goes on from the last one that was done:
a checkpoint is on record in the database before it is signed, and in the signer's state before
anybody sees it. Signing is deterministic, so repeating it gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pgaudit_kit.anchors.errors import AnchorConflict
from pgaudit_kit.errors import KitError
from pgaudit_kit.merkle import Tree
from pgaudit_kit.note import (
    Checkpoint,
    Note,
    NoteMalformed,
    SigningKey,
    VerifierKey,
    checkpoint_text,
    parse_checkpoint,
    parse_note,
    parse_signatures,
    signed_by,
)
from pgaudit_kit.signing.log import SignedLog
from pgaudit_kit.signing.state import State, StateFile

Prove = Callable[[int], list[bytes]]
Step = Callable[[str], None]


class LogForked(KitError):
    """The log is not the one that was signed before."""

    exit_code: int = 1
    hint = (
        "Nothing was signed. Run `pgaudit-kit verify --all`. Only if the database was restored on purpose:"
        " `pgaudit-kit checkpoint --restored`."
    )


class Unknowable(KitError):
    """What was signed before cannot be told: the signer's state is missing, and no anchor answers."""

    hint = "Nothing was signed. Put the state file back, or see to it that an anchor can be read."


class Anchor(Protocol):
    """A place outside the database that keeps checkpoints."""

    @property
    def name(self) -> str:
        """How people call it."""

    def publish(self, note: bytes, prove: Prove) -> bytes:
        """Keep the note; returns cosignature lines, or nothing. KitError where it does not take it."""

    def found(self, origin: str, since: int = 0) -> Iterator[FoundNote]:
        """Every note that it holds, at least of checkpoints from a size on."""


class FoundNote(Protocol):
    """A note as an anchor holds it."""

    @property
    def note(self) -> bytes:
        """Its bytes."""

    @property
    def where(self) -> str:
        """Where it was found, for people."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run did. `anchors` says of each one asked why it did not take the note, or None.

    `conflicts` are those that hold another history of this log, and where that is kept as evidence.
    """

    checkpoint: Checkpoint
    new: bool
    note: bytes
    anchors: Mapping[str, str | None]
    conflicts: Mapping[str, Path]

    @property
    def failed(self) -> list[str]:
        """The anchors that did not take it."""
        return [name for name, why in self.anchors.items() if why is not None]


@dataclass(slots=True)
class Signer:
    """Signs one log with one key. `step` is told of each step, so that a test can end there."""

    log: SignedLog
    key: SigningKey
    file: StateFile
    origin: str
    anchors: Sequence[Anchor] = ()
    earlier_keys: Sequence[VerifierKey] = ()
    step: Step = lambda name: None
    _recovered: bool = field(default=False, init=False)

    def run(self) -> Outcome | None:
        """Sign what was sealed since; publish it, or again what was not. None in a log without blocks."""
        with self.file.locked():
            kept = self.file.read()
            state = kept or State(origin=self.origin)
            if state.origin != self.origin:
                raise LogForked(
                    f"The signer's state is that of the log {state.origin}, not of {self.origin}.",
                    hint="Name the origin that was signed before, or another state file.",
                )
            if not self._recovered:
                state = self._recover(state, lost=kept is None)
                self._recovered = True
            return self._next(state)

    def restored(self, origin: str) -> Outcome | None:
        """Begin another log after a restoration on purpose; its first event names the old one's end."""
        with self.file.locked():
            old = self.file.read()
            if old is None or old.note is None:
                raise LogForked(
                    "Nothing was signed before, so there is nothing to begin anew.",
                    hint="Run `pgaudit-kit checkpoint`.",
                )
            if origin == old.origin:
                raise LogForked(
                    f"The log {origin} exists and must not be signed in another version.",
                    hint=f"Name the new one with --origin, such as {origin}/2.",
                )
            self.log.record("log-restored", {"origin": origin, "before": old.note})
            self.origin = origin
            self.file.write(State(origin=origin, previous=old.note))
            self._recovered = True
            return self._next(State(origin=origin, previous=old.note))

    def _next(self, state: State) -> Outcome | None:
        tree = state.tree()
        self._refuse_rewritten(state.size, tree.root())
        for header in self.log.headers(state.size):
            tree.append(header.encode())
        if tree.size == 0:
            return None
        if tree.size == state.size and state.note is not None:
            return self._publish(state, parse_note(state.note.encode()), new=False)
        checkpoint = Checkpoint(self.origin, tree.size, tree.root())
        self.log.prepare(self.origin, tree.size, checkpoint.root)
        self.step("prepared")
        note = self._sign(checkpoint)
        self.step("signed")
        state = self._remember(state, tree, note, published=False)
        self.step("remembered")
        return self._publish(state, note, new=True)

    def _publish(self, state: State, note: Note, *, new: bool) -> Outcome:
        checkpoint = parse_checkpoint(note.text)
        answers: dict[str, str | None] = {}
        conflicts: dict[str, Path] = {}
        for anchor in self.anchors:
            try:
                lines = anchor.publish(note.encode(), lambda old: self.log.consistency(old, checkpoint.size))
                note = note.with_signatures(parse_signatures(lines.decode()) if lines else ())
                answers[anchor.name] = None
            except AnchorConflict as error:
                answers[anchor.name] = error.message
                conflicts[anchor.name] = self.file.keep_evidence(anchor.name, error)
            except KitError as error:
                answers[anchor.name] = error.message
            except (NoteMalformed, UnicodeDecodeError) as error:
                answers[anchor.name] = f"it answered with something that is no signature: {error}"
            self.step(f"asked {anchor.name}")
        self.log.publish(self.origin, checkpoint.size, note.encode().decode(), answers)
        self.step("published")
        if not state.published or state.note != note.encode().decode():
            self._remember(state, state.tree(), note, published=True)
        self.log.store_tiles()
        return Outcome(checkpoint, new, note.encode(), answers, conflicts)

    def _remember(self, state: State, tree: Tree, note: Note, *, published: bool) -> State:
        state = State(
            origin=self.origin,
            size=tree.size,
            peaks=tuple(peak.hex() for peak in tree.peaks),
            note=note.encode().decode(),
            published=published,
            previous=state.previous,
        )
        self.file.write(state)
        return state

    def _sign(self, checkpoint: Checkpoint) -> Note:
        text = checkpoint_text(checkpoint)
        return Note(text, (self.key.sign(text),))

    def _refuse_rewritten(self, size: int, root: bytes) -> None:
        """What the database says of the blocks that were signed must be what was signed."""
        if size and (found := self.log.root(size)) != root:
            what = f"the database says {found.hex()}" if found else "the database has fewer"
            raise LogForked(f"The root over the first {size:,} blocks was signed as {root.hex()}; {what}.")

    def _recover(self, state: State, *, lost: bool) -> State:
        """Go on from the largest checkpoint that anybody knows of, if the database's log contains it.

        The state may have been lost, or be an old copy; so may the database. What an anchor holds
        counts where our key, or one that it replaced, signed it.
        """
        known = {
            checkpoint.size: (checkpoint, where)
            for checkpoint, where in self._signed_before(state.size, lost=lost)
        }
        ahead = sorted(size for size in known if size > state.size)
        for size in sorted(size for size in known if size <= state.size and size):
            self._compare(*known[size])
        if not ahead:
            return state
        tree = state.tree()
        headers = self.log.headers(state.size)
        for size in ahead:
            for header in headers:
                tree.append(header.encode())
                if tree.size == size:
                    break
            checkpoint, where = known[size]
            if tree.size < size:
                raise LogForked(
                    f"The database's log has {tree.size:,} blocks; {where} holds a checkpoint of {size:,}."
                )
            if tree.root() != checkpoint.root:
                raise _other_root(checkpoint, where, tree.root())
        return self._remember(state, tree, self._sign(known[ahead[-1]][0]), published=False)

    def _compare(self, checkpoint: Checkpoint, where: str) -> None:
        """A checkpoint that lies behind us: the database must give its root."""
        found = self.log.root(checkpoint.size)
        if found is None:
            raise LogForked(
                f"{where} holds a checkpoint of {checkpoint.size:,} blocks; the database has fewer."
            )
        if found != checkpoint.root:
            raise _other_root(checkpoint, where, found)

    def _signed_before(self, size: int, *, lost: bool) -> Iterator[tuple[Checkpoint, str]]:
        """The newest checkpoint that each place has of this log, signed by us."""
        prepared = self.log.newest(self.origin)
        if prepared and prepared.note is not None:
            yield from self._newest([(prepared.note.encode(), "the database")])
        elif prepared:
            # prepared and perhaps signed: that size must not be signed with another root
            yield Checkpoint(self.origin, prepared.size, prepared.root), "the database"
        unread: KitError | None = None
        read = 0
        for anchor in self.anchors:
            try:
                held = anchor.found(self.origin, size)
                yield from self._newest((found.note, found.where) for found in held)
                read += 1
            except KitError as error:
                unread = error  # it says so again when it is asked to publish
        if lost and unread and not read:
            raise Unknowable from unread

    def _newest(self, notes: Iterable[tuple[bytes, str]]) -> Iterator[tuple[Checkpoint, str]]:
        newest: tuple[Checkpoint, str] | None = None
        keys = (self.key.verifier, *self.earlier_keys)
        for data, where in notes:
            try:
                note = parse_note(data)
                signed_by(note, keys)
                checkpoint = parse_checkpoint(note.text)
            except NoteMalformed:
                continue
            if checkpoint.origin == self.origin and (not newest or checkpoint.size > newest[0].size):
                newest = checkpoint, where
        if newest:
            yield newest


def _other_root(checkpoint: Checkpoint, where: str, found: bytes) -> LogForked:
    return LogForked(
        f"{where} holds another root over the first {checkpoint.size:,} blocks than the database gives:"
        f" {checkpoint.root.hex()} and {found.hex()}."
    )

"""What was signed of the log, from every place that holds it, checked against the policy's keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pgaudit_kit.anchors import Anchor, Found
from pgaudit_kit.errors import KitError
from pgaudit_kit.note import (
    Checkpoint,
    Note,
    NoteMalformed,
    Signature,
    VerifierKey,
    cosigned_at,
    parse_checkpoint,
    parse_note,
    signed_by,
)
from pgaudit_kit.policy import Policy
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding
from pgaudit_kit.verify.session import Session

DATABASE = "the database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A checkpoint that a key of the log has signed, and where it was found."""

    checkpoint: Checkpoint
    where: str
    anchor: str | None = None
    """The anchor that holds it; None for the database's own copy."""
    seen_at: datetime | None = None
    """When somebody else than the log's own host had it: an anchor, or a witness."""
    witnesses: frozenset[str] = frozenset()
    timestamped: bool = False


@dataclass(slots=True)
class Gathering:
    """Collects claims. `unread` are the anchors that could not be read."""

    policy: Policy
    findings: Findings
    claims: list[Claim]
    unread: list[str]

    @classmethod
    def of(
        cls,
        session: Session,
        policy: Policy,
        anchors: Sequence[Anchor],
        findings: Findings,
        *,
        stored: bool = True,
        since: int = 0,
    ) -> Gathering:
        """Read the database (unless what it has `stored` cannot be read) and every anchor.

        Checkpoints of sizes below `since` may be left out.
        """
        made = cls(policy, findings, [], [])
        rows = (
            session.rows("checkpoints", {"origins": list(policy.origins), "since": since}) if stored else ()
        )
        for row in rows:
            made.take(row.note.encode(), DATABASE)
        for anchor in anchors:
            try:
                for origin in policy.origins:
                    for found in anchor.found(origin, since):
                        made.take_found(anchor.name, found)
            except KitError as error:
                made.unread.append(anchor.name)
                findings.note(f"Anchor {anchor.name} could not be read: {error.message}")
        return made

    def take_found(self, anchor: str, found: Found) -> None:
        """Take what an anchor holds."""
        where = f"{anchor} ({found.where})"
        if found.problem is not None:
            self._add("anchor-tampered", f"{where}: {found.problem}")
        else:
            self.take(found.note, where, anchor=anchor, at=found.at, timestamped=found.token is not None)

    def take(
        self,
        data: bytes,
        where: str,
        *,
        anchor: str | None = None,
        at: datetime | None = None,
        timestamped: bool = False,
    ) -> None:
        """Take one note, if a key of the log signed it that may sign a checkpoint of this size."""
        try:
            note = parse_note(data)
            checkpoint = parse_checkpoint(note.text)
            keys = [key.verifier for key in self.policy.keys if key.signs(checkpoint.size)]
            signed_by(note, keys)
            witnesses = self._witnesses(note)
        except NoteMalformed as error:
            self._add("checkpoint-signature", f"{where} holds a checkpoint that does not count: {error}")
            return
        if checkpoint.origin not in self.policy.origins:
            self._add("checkpoint-signature", f"{where} holds a checkpoint of the log {checkpoint.origin}")
            return
        times = [datetime.fromtimestamp(cosigned_at(signature), UTC) for signature in witnesses.values()]
        times += [at] if at is not None else []
        self.claims.append(
            Claim(
                checkpoint=checkpoint,
                where=where,
                anchor=anchor,
                seen_at=max(times, default=None),
                witnesses=frozenset(key.vkey for key in witnesses),
                timestamped=timestamped,
            )
        )

    def _witnesses(self, note: Note) -> dict[VerifierKey, Signature]:
        """The policy's witnesses that cosigned, each with its signature."""
        keys = [witness.verifier for witness in self.policy.witnesses]
        signed = {(one.name, one.key_id): one for one in note.signatures}
        known = [key for key in keys if (key.name, key.key_id) in signed]
        if not known:
            return {}
        return {key: signed[key.name, key.key_id] for key in signed_by(note, known)}

    def _add(self, kind: str, message: str) -> None:
        self.findings.add(Finding(kind=kind, level="checkpoint", message=message))

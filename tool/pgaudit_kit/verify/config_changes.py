"""What seals say of the kit's own triggers, functions and guards: a change needs an event that tells of it.

Each seal record carries a digest over them with the catalogs' row versions, so that what was switched off or
replaced and put back shows too. Who has access goes into the same digest; a change of that alone is explained
by the event `access-changed` that the seal itself records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgaudit_kit.chain import Block, BlockHeader, HeaderMalformed, parse_header
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding
from pgaudit_kit.verify.seals import same_database
from pgaudit_kit.verify.session import Session

EXPLAINING = (
    "child-attached",
    "child-detached",
    "child-dropped",
    "child-not-audited",
    "incarnation",
    "installed",
    "kit-changed",
    "partition-attached",
    "partition-detached",
    "partition-dropped",
    "partition-manager-changed",
    "partition-stamped",
    "setting-changed",
    "table-changed",
    "table-configured",
    "table-disabled",
    "table-dropped",
    "table-enabled",
    "triggers-changed",
    "uninstalled",
)
"""Kinds of control events with which triggers or functions of the kit change."""
KEPT = 10_000
"""Changes that are remembered one by one."""


@dataclass(slots=True)
class _Change:
    """A seal record with another digest than the one before; when and where the seals around it are."""

    number: int
    before: str
    at: str
    digests: tuple[str, str]
    low: int
    high: int


@dataclass(slots=True)
class ConfigChanges:
    """Collects seal records in the order of the log."""

    newest: BlockHeader | None = None
    seen: bool = False
    """Whether the table of what the last seal found can be read."""
    _changes: list[_Change] = field(default_factory=list)
    _open: _Change | None = None

    def see(self, block: Block) -> None:
        """Take a block of the kit's own tenant; what is no seal record, or is malformed, says nothing."""
        try:
            header = parse_header(block.header or "")
        except HeaderMalformed:
            return
        if header.fingerprint is None or header.incarnation is None:
            return
        index = header.log_index
        if self._open is not None:
            self._open.high = index  # what committed while the seal was made is sealed by the next
            self._open = None
        last = self.newest
        self.newest = header
        if last is None or last.fingerprint is None or last.incarnation is None:
            return
        if last.fingerprint == header.fingerprint:
            return
        if not same_database(last.incarnation, header.incarnation) or len(self._changes) >= KEPT:
            return
        self._open = _Change(
            header.block_number,
            last.sealed_at,
            header.sealed_at,
            (last.fingerprint.hex(), header.fingerprint.hex()),
            last.log_index,
            index,
        )
        self._changes.append(self._open)

    def check(self, session: Session, findings: Findings, *, same_incarnation: bool) -> None:
        """Report changes of which no event tells, and one since the last seal."""
        kinds = {"kinds": list(EXPLAINING)}
        rows = session.rows(
            "unexplained",
            kinds
            | {
                "numbers": [change.number for change in self._changes],
                "lows": [change.low for change in self._changes],
                "highs": [change.high for change in self._changes],
                "befores": [change.digests[0] for change in self._changes],
                "afters": [change.digests[1] for change in self._changes],
            },
        )
        unexplained = {row.number for row in rows}
        changes = [change for change in self._changes if change.number in unexplained]
        opened = self._open
        if opened in changes and opened and self._said(session, opened.before, opened.digests):
            changes.remove(opened)
        for change in changes:
            findings.add(_finding(change.number, f"between the seals of {change.before} and {change.at}"))
        if same_incarnation:
            self._check_now(session, findings)

    def _check_now(self, session: Session, findings: Findings) -> None:
        """Compare with what the newest seal found."""
        newest = self.newest
        if newest is None or newest.fingerprint is None:
            return
        (now,) = session.rows("fingerprint")
        sealed = newest.fingerprint.hex()
        if now.fingerprint == sealed or now.restored:
            return
        if self._said(session, newest.sealed_at, (sealed, now.fingerprint)):
            return
        when = f"since the seal of {newest.sealed_at}"
        if any((row.fingerprint, row.guards) == (sealed, now.guards) for row in self._seen(session)):
            findings.note(f"{when[0].upper()}{when[1:]} {_ACCESS}")
        else:
            findings.add(_finding(None, when))

    def _seen(self, session: Session) -> list[Any]:
        return session.rows("config_seen") if self.seen else []

    def _said(self, session: Session, since: str, digests: tuple[str, str]) -> bool:
        before, after = digests
        values = {"kinds": list(EXPLAINING), "since": since, "before": before, "after": after}
        said: bool = session.rows("unsealed_changes", values)[0].said
        return said


_ACCESS = (
    "grants on the kit's objects, members of its roles, superusers or roles with BYPASSRLS have changed;"
    " the next seal puts the difference on record (access-changed)."
)


def _finding(number: int | None, when: str) -> Finding:
    message = (
        f"{when} triggers, functions or guards of the kit were changed, or changed and put back,"
        " and no control event tells of it"
    )
    return Finding(kind="config-changed", level="completeness", message=message, block_number=number)


def note_guards_touched(session: Session, findings: Findings, first: int) -> None:
    """Say which commands changed guards, by whom: also those of which no digest tells any more."""
    for row in session.rows("guards_touched", {"first": first}):
        findings.note(
            f"Event {row.event_id} says that guards of the kit were changed by {row.command},"
            f" as {row.db_user}: {row.objects}."
        )

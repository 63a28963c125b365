"""Collects findings in bounded memory: the first of each kind in full, the others counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from pgaudit_kit.verify.report import Finding, Level, Note

LISTED = 1000
"""Findings of one kind that are listed for one tenant."""


class Findings:
    """The findings and notes of one run."""

    def __init__(self, judged: Collection[str] | None = None, *, listed: int = LISTED) -> None:
        """Start with none; what is another tenant's than the judged ones' is not taken."""
        self._judged = judged
        self._listed = listed
        self._kept: list[Finding] = []
        self._kinds: Counter[tuple[str | None, str]] = Counter()
        self._levels: Counter[tuple[str | None, Level]] = Counter()
        self.notes: list[Note] = []
        self.omitted = 0

    def add(self, finding: Finding) -> None:
        """Take one finding."""
        if self._judged is not None and finding.tenant_id not in (None, *self._judged):
            return
        key = (finding.tenant_id, finding.kind)
        self._kinds[key] += 1
        self._levels[finding.tenant_id, finding.level] += 1
        if self._kinds[key] <= self._listed:
            self._kept.append(finding)
        else:
            self.omitted += 1

    def add_omitted(self, number: int, *, level: Level, tenant_id: str | None) -> None:
        """Count findings of which nothing more was kept."""
        if number:
            self._levels[tenant_id, level] += number
            self.omitted += number

    def note(self, message: str, *, tenant_id: str | None = None) -> None:
        """Take one note; the same one twice counts once."""
        note = Note(message=message, tenant_id=tenant_id)
        if note not in self.notes:
            self.notes.append(note)

    def failed(self, tenant_id: str | None, level: Level) -> bool:
        """Whether something was found at this level that is this tenant's or everybody's."""
        return bool(self._levels[tenant_id, level] or self._levels[None, level])

    def any(self) -> bool:
        """Whether anything was found."""
        return bool(self._levels)

    def first_broken_block(self, tenant_id: str) -> int | None:
        """Where the tenant's chain breaks first."""
        numbers = [
            finding.block_number
            for finding in self._kept
            if finding.tenant_id == tenant_id and finding.level == "chain"
        ]
        return min((number for number in numbers if number is not None), default=None)

    def sorted(self) -> tuple[Finding, ...]:
        """Those kept: everybody's first, then by tenant; what follows for rows behind its cause."""
        return tuple(sorted(self._kept, key=_place))


_ORDER: tuple[Level, ...] = ("chain", "events", "checkpoint", "completeness", "replay")


def _place(finding: Finding) -> tuple[object, ...]:
    return (
        finding.tenant_id is not None,
        finding.tenant_id or "",
        _ORDER.index(finding.level),
        finding.block_number or 0,
        finding.event_id or 0,
        finding.kind,
    )

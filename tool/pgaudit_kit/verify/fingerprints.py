"""Whether triggers, functions and guards changed between two seals without a control event that tells why."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pgaudit_kit.chain import Block, BlockHeader

KEPT = 10_000
"""Changes that are remembered."""


@dataclass(slots=True)
class Change:
    """A seal record whose fingerprint differs, and the event ids among which its reason must be."""

    block_number: int | None
    first: int
    last: int


@dataclass(slots=True)
class Fingerprints:
    """Reads the blocks of the kit's own chain in the order of the log."""

    newest: bytes | None = None
    changes: list[Change] = field(default_factory=list)
    _first: int = 2**63 - 1
    _last: int = 0
    _highest: int = 0
    _open: Change | None = None

    def see(self, block: Block, header: BlockHeader | None) -> None:
        """Take the next block of the kit's own chain."""
        self._first = min(self._first, block.first_event_id or self._first)
        self._last = max(self._last, block.last_event_id or 0)
        if header is None or header.fingerprint is None:
            return
        if self._open:  # what changed after the seal had looked for events is in the next one
            self._open.first = min(self._open.first, self._first)
            self._open.last = max(self._open.last, self._last)
            self._open = None
        if self.newest not in (None, header.fingerprint) and len(self.changes) < KEPT:
            # without an event in it, only one that comes later can be its reason
            self._open = Change(block.block_number, min(self._first, self._highest + 1), self._last)
            self.changes.append(self._open)
        self.newest = header.fingerprint
        self._highest = max(self._highest, self._last)
        self._first, self._last = 2**63 - 1, 0

    def unexplained(self, controls: Sequence[int]) -> Iterator[Change]:
        """Changes without any of these control events (ascending ids) in their seals."""
        for change in self.changes:
            last = 2**63 - 1 if change is self._open else change.last
            at = bisect_left(controls, change.first)
            if at == len(controls) or controls[at] > last:
                yield change

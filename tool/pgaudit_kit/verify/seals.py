"""What seal records say about time and order: an event must fit between the seals around it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from pgaudit_kit.chain import BlockHeader, Incarnation

KEPT = 100_000
"""Seal records kept; beyond that every other of the older half is dropped, which only weakens a check."""
MARGIN = timedelta(hours=1)
"""How far clocks may be apart before an event's time is a finding."""
_BEFORE = 2
"""Seals that lie between a bound and what it is taken from."""
_NEAR = 2_000
"""Seal records given in full on either side of a chunk of events; further away ever fewer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SeenBy:
    """A pg_snapshot."""

    xmin: int
    xmax: int
    running: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> SeenBy:
        """Read `xmin:xmax:id,id,…`, which parse_header has checked for its form."""
        low, high, running = text.split(":")
        return cls(int(low), int(high), tuple(int(part) for part in running.split(",") if part))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Ascending xmax of seals' snapshots, and what holds for a transaction at or above each of them.

    Such a transaction may have been under way at that seal: xmax is one above the highest id that
    had ended. But it began after the last seal but one before, whose own transaction has a lower id
    and had ended. So its events have ids above `event_ids` (drawn before that), and did not occur
    before `times`: MARGIN before the earliest seal from there on, since clocks are set back too.
    """

    xmaxs: list[int]
    event_ids: list[int]
    times: list[datetime]


@dataclass(slots=True)
class Seals:
    """The seal records of the newest incarnation, in the order of the log."""

    incarnation: Incarnation | None = None
    snapshot: SeenBy | None = None
    drained: bool = True
    """Whether events from before the incarnation have all been looked for."""
    _drain_xmax: int | None = None
    _unconfirmed: tuple[int, int, float] | None = None
    _latest: deque[tuple[int, float]] = field(default_factory=deque)
    _xmaxs: array[int] = field(default_factory=lambda: array("q"))
    _event_ids: array[int] = field(default_factory=lambda: array("q"))
    _times: array[float] = field(default_factory=lambda: array("d"))

    def add(self, header: BlockHeader, highest_event_id: int, *, sound: bool) -> None:
        """Take a seal record; `highest_event_id` is the highest in any block up to it.

        `sound`: its hash is right and it follows the block before it. Bounds are taken from a record
        only when the next one, or the chain's recorded end, has confirmed it.
        """
        if sound:
            self.confirm()
        self._unconfirmed = None
        assert header.snapshot is not None and header.incarnation is not None  # noqa: S101 - a seal record
        snapshot, here = SeenBy.parse(header.snapshot), header.incarnation
        if self._drain_xmax is not None and snapshot.xmin >= self._drain_xmax:
            self.drained = True
        if self.incarnation is not None and not same_database(self.incarnation, here):
            self._restart()
        elif not self.drained and self._drain_xmax is None:
            # above the first seal's own transaction, and so above all that were under way beside it
            self._drain_xmax = snapshot.xmax
        self.incarnation, self.snapshot = here, snapshot
        if not sound or snapshot.xmax >= 2**63:
            return
        sealed_at = (datetime.fromisoformat(header.sealed_at) - _EPOCH).total_seconds()
        self._latest.append((highest_event_id, sealed_at))
        if len(self._latest) <= _BEFORE:
            return
        self._unconfirmed = (snapshot.xmax, *self._latest.popleft())

    def confirm(self) -> None:
        """The newest record was confirmed by what comes after it."""
        if self._unconfirmed is None:
            return
        xmax, highest_event_id, sealed_at = self._unconfirmed
        self._unconfirmed = None
        if self._xmaxs and xmax < self._xmaxs[-1]:
            return  # no seal says so
        self._xmaxs.append(xmax)
        self._event_ids.append(highest_event_id)
        self._times.append(sealed_at)
        if len(self._xmaxs) > KEPT:
            self._thin()

    def bounds(self, first_event_id: int, last_event_id: int) -> Bounds:
        """The bounds for events with ids in this range, dense around them, sparse further away."""
        low = max(0, bisect_left(self._event_ids, first_event_id) - _NEAR)
        high = min(len(self._xmaxs), bisect_right(self._event_ids, last_event_id) + _NEAR)
        chosen = [*_steps(low - 1, -1), *range(low, high), *_steps(high, 1, len(self._xmaxs) - 1)]
        earliest = list(accumulate(reversed(self._times), min))[::-1]
        chosen = sorted(set(chosen))
        return Bounds(
            xmaxs=[self._xmaxs[i] for i in chosen],
            event_ids=[self._event_ids[i] for i in chosen],
            times=[_EPOCH + timedelta(seconds=earliest[i]) - MARGIN for i in chosen],
        )

    def _restart(self) -> None:
        """A new incarnation: transaction ids may have started anew."""
        self.drained, self._drain_xmax = False, None
        self._latest.clear()
        for column in (self._xmaxs, self._event_ids, self._times):
            del column[:]

    def _thin(self) -> None:
        half = len(self._xmaxs) // 2
        for column in (self._xmaxs, self._event_ids, self._times):
            del column[1:half:2]


def same_database(one: Incarnation, other: Incarnation) -> bool:
    """Whether both are the same cluster and database, so that transaction ids go on."""
    return (one.system_identifier, one.database_oid) == (other.system_identifier, other.database_oid)


def _steps(start: int, direction: int, end: int = 0) -> list[int]:
    """Indexes from `start` towards `end` in steps that double, and `end` itself."""
    if (end - start) * direction < 0:
        return []
    found, step, at = [end], 1, start
    while (end - at) * direction > 0:
        found.append(at)
        at, step = at + step * direction, step * 2
    return found

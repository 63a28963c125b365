"""A hybrid logical clock: moments that never go back, and never stand before what they followed from.

A moment is 64 bits: 48 of milliseconds since 1970, 16 of a counter for what happens within one, or while the
clock of the machine stands still or goes back. After Kulkarni et al., Logical Physical Clocks (2014).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

COUNTER_BITS = 16
DAY_MS = 86_400_000
_LARGEST = (1 << 64) - 1
_TEXT = re.compile(r"([0-9a-f]{12})-([0-9a-f]{4})")


class ClockAhead(ValueError):
    """A moment from another node lies further ahead than is allowed."""


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """One reading of the clock. Its text sorts as it does, byte by byte."""

    value: int

    def __post_init__(self) -> None:
        """Refuse what does not fit into 64 bits."""
        if not 0 <= self.value <= _LARGEST:
            raise ValueError(f"{self.value} does not fit into 64 bits")

    @classmethod
    def parse(cls, text: str) -> Moment:
        """The moment that `str` wrote; ValueError for anything else."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r:.60} is no moment like '0192f0c1a2b3-0000'")
        return cls(int(match[1], 16) << COUNTER_BITS | int(match[2], 16))

    @property
    def milliseconds(self) -> int:
        """Since 1970; at least what the clock of the machine said."""
        return self.value >> COUNTER_BITS

    @property
    def counter(self) -> int:
        """Which one within that millisecond."""
        return self.value & ((1 << COUNTER_BITS) - 1)

    def __str__(self) -> str:
        """Milliseconds and counter in hexadecimal, of fixed width: `0192f0c1a2b3-0000`."""
        return f"{self.milliseconds:012x}-{self.counter:04x}"


def _machine_ms() -> int:
    return time.time_ns() // 1_000_000


class Clock:
    """The clock of one node, shared by its threads.

    `seen` is the newest moment that this node gave before it was restarted, where that is known.
    """

    def __init__(
        self,
        node_id: str,
        *,
        now_ms: Callable[[], int] = _machine_ms,
        max_ahead_ms: int = DAY_MS,
        seen: Moment | None = None,
    ) -> None:
        """Take the node's name, and how far ahead another node's clock may be."""
        self.node_id = node_id
        self._now_ms, self._max_ahead_ms = now_ms, max_ahead_ms
        self._last = seen.value if seen is not None else 0
        self._lock = threading.Lock()

    def tick(self) -> Moment:
        """A moment after all that this clock gave or saw."""
        return self._after(0)

    def follow(self, seen: Moment | str) -> Moment:
        """A moment after this one of another node too, on which what happens now depends.

        ClockAhead where it lies more than `max_ahead_ms` ahead of this machine: one wrong clock would carry
        all others along.
        """
        moment = Moment.parse(seen) if isinstance(seen, str) else seen
        ahead = moment.milliseconds - self._now_ms()
        if ahead > self._max_ahead_ms:
            raise ClockAhead(f"{moment} is {ahead} ms ahead of this machine, more than {self._max_ahead_ms}")
        return self._after(moment.value)

    def _after(self, seen: int) -> Moment:
        with self._lock:
            # a counter that runs over goes on in the next millisecond
            self._last = max(self._now_ms() << COUNTER_BITS, self._last + 1, seen + 1 if seen else 0)
            return Moment(self._last)

"""The figures of one measurement, and what is read from them. Pure."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pgaudit_kit.errors import UsageError

Operation = Literal["insert", "update", "delete"]
OPERATIONS: tuple[Operation, ...] = ("insert", "update", "delete")

_UNITS_US = {"us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1_000.0, "s": 1_000_000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One turn of a change on both copies: times and WAL for each changed row."""

    unaudited_us: float
    audited_us: float
    unaudited_wal: float | None
    audited_wal: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a change takes, for each row, in microseconds and bytes."""

    operation: Operation
    rows: int
    """In a statement; a statement is a transaction."""
    unaudited_us: float
    audited_us: float
    adds_us: float
    """The median of what auditing added in each turn."""
    low_us: float
    high_us: float
    """Between these were the middle half of the turns."""
    unaudited_wal_bytes: float | None
    audited_wal_bytes: float | None
    event_bytes: float | None
    """What its event takes in the log, with its share of the indexes; None where none was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and with what."""

    table: str
    declared_in: str
    """Where the declaration that was measured stands."""
    declaration: dict[str, Any]
    capture: Literal["specialised", "generic"]
    server: str
    rows: int
    made_up: bool
    """Whether the rows were made up, by the columns' types."""
    changed_columns: tuple[str, ...]
    costs: tuple[Cost, ...]
    notes: tuple[str, ...]

    @property
    def largest_us(self) -> float:
        """What auditing adds to the one-row change that it makes dearer than the others."""
        return max(cost.adds_us for cost in self.costs if cost.rows == 1)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"adds_at_most_us": self.largest_us}


def cost_of(operation: Operation, rows: int, samples: Sequence[Sample], event_bytes: float | None) -> Cost:
    """Medians, and the middle half of the differences.

    Of WAL the least that a turn showed: the server's position moves for everybody's writes, and after a
    checkpoint whole pages are written, which has nothing to do with the change.
    """
    added = sorted(sample.audited_us - sample.unaudited_us for sample in samples)
    return Cost(
        operation=operation,
        rows=rows,
        unaudited_us=statistics.median(sample.unaudited_us for sample in samples),
        audited_us=statistics.median(sample.audited_us for sample in samples),
        adds_us=statistics.median(added),
        low_us=_quantile(added, 0.25),
        high_us=_quantile(added, 0.75),
        unaudited_wal_bytes=_least([sample.unaudited_wal for sample in samples]),
        audited_wal_bytes=_least([sample.audited_wal for sample in samples]),
        event_bytes=event_bytes,
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _least(values: Sequence[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def parse_duration(text: str) -> float:
    """Microseconds of `200us`, `0.2ms` or `1s`. Raises UsageError for anything else, and for none."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(us|µs|μs|ms|s)", text.strip())
    if not match or not float(match[1]):
        raise UsageError(f"{text!r} is not a duration.", hint="Write it like 200us, 0.2ms or 1s.")
    return float(match[1]) * _UNITS_US[match[2]]

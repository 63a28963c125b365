"""What a check is, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from pgaudit_kit.doctor.source import Source

Level = Literal["ok", "warn", "fail"]
LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")
F = TypeVar("F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check says."""

    level: Level
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out of one check."""

    name: str
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst of its findings."""
        return max((finding.level for finding in self.findings), key=LEVELS.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[F]):
    """A question about the installation: `read` asks the database, `judge` decides without one."""

    name: str
    fine: str
    """What is said where `judge` finds nothing."""
    read: Callable[[Source], F]
    judge: Callable[[F], list[Finding]]


def check(
    name: str, *, fine: str, read: Callable[[Source], F]
) -> Callable[[Callable[[F], list[Finding]]], Check[F]]:
    """Make a check of the function that judges."""

    def decorate(judge: Callable[[F], list[Finding]]) -> Check[F]:
        return Check(name=name, fine=fine, read=read, judge=judge)

    return decorate


def ok(message: str) -> Finding:
    """Something worth saying that is as it should be."""
    return Finding(level="ok", message=message)


def warn(message: str, hint: str | None = None) -> Finding:
    """Something that should not stay as it is."""
    return Finding(level="warn", message=message, hint=hint)


def fail(message: str, hint: str | None = None) -> Finding:
    """Something that breaks a promise of the kit."""
    return Finding(level="fail", message=message, hint=hint)


Row = dict[str, Any]


def counted(number: int, noun: str, *, limit: int | None = None) -> str:
    """`1 event`, `2,000 events`, or where counting ended at the limit `100,000+ events`."""
    if limit is not None and number > limit:
        return f"{limit:,}+ {noun}s"
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """`3 s`, `12 min`, `5 h`, `9 days`."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"

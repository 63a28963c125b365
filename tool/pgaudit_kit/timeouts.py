"""Durations as the configuration writes them: "10s", "500ms", "2min"; "0" means no limit."""

from __future__ import annotations

import re

import msgspec

_UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_MAX_MS = 2**31 - 1
"""PostgreSQL keeps its timeouts as a 32-bit number of milliseconds."""


def milliseconds(text: str) -> int:
    """Read a duration; ValueError where it is none."""
    if text == "0":
        return 0
    match = re.fullmatch(r"([0-9]{1,9})(ms|s|min|h)", text)
    if not match:
        raise ValueError(f"{text!r} is not a duration; write it like 10s, 500ms or 2min, or 0 for no limit")
    result = int(match[1]) * _UNITS_MS[match[2]]
    if result > _MAX_MS:
        raise ValueError(f"the duration {text} is longer than PostgreSQL takes (24 days)")
    return result


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to wait: for a connection, for a lock of DDL, for one statement."""

    connect: str = "10s"
    lock: str = "2s"
    statement: str = "0"

    def __post_init__(self) -> None:
        """Refuse what is not a duration."""
        for text in (self.connect, self.lock, self.statement):
            milliseconds(text)

    @property
    def connect_s(self) -> int:
        """For libpq, in whole seconds rounded up; 0 waits for ever."""
        return -(-milliseconds(self.connect) // 1_000)

    @property
    def lock_ms(self) -> int:
        """For lock_timeout."""
        return milliseconds(self.lock)

    @property
    def statement_ms(self) -> int:
        """For statement_timeout."""
        return milliseconds(self.statement)

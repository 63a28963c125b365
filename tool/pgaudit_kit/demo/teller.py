"""How the story reaches its reader; the command line has a teller that prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table to show: headings, rows of text, and which columns hold numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = field(default=frozenset())


class Teller(Protocol):
    """Shows one thing after the other."""

    def chapter(self, title: str) -> None:
        """Begin a chapter."""

    def say(self, text: str) -> None:
        """A remark of one or more lines."""

    def typed(self, prompt: str, text: str) -> None:
        """What somebody types at a prompt, a shell's or a database's."""

    def answer(self, text: str) -> None:
        """What came back, as it came."""

    def table(self, table: Table) -> None:
        """Figures."""

    def progress(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far something has come; call what it gives with the number done so far."""

"""`article_id -> articles.tenant_id`: by which foreign key a table finds its tenant, in SQL syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgaudit_kit.errors import UsageError
from pgaudit_kit.names import Ident, QualifiedName, identifiers


class BadReference(ValueError):
    """It is not like 'article_id -> articles.tenant_id'."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A column of the table, and what it refers to: the table, with or without its schema and its column."""

    column: str
    path: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read it; BadReference where it cannot be read."""
        for arrow in re.finditer("->", text):  # a quoted name may hold one
            try:
                left = identifiers(text[: arrow.start()].strip())
                right = identifiers(text[arrow.end() :].strip())
            except UsageError:
                continue
            if len(left) == 1 and len(right) <= 3:
                return cls(left[0], tuple(right))
        raise BadReference(f"{text!r} is not like 'article_id -> articles.tenant_id'")

    def names(self, table: QualifiedName) -> bool:
        """Whether the path names this table."""
        return self._rest(table) is not None

    def tenant_column(self, table: QualifiedName) -> str | None:
        """The column of that table that the path names; None where it names the table alone."""
        rest = self._rest(table)
        return rest[0] if rest else None

    def _rest(self, table: QualifiedName) -> tuple[str, ...] | None:
        for known in ((table.schema, table.name), (table.name,)):
            rest = self.path[len(known) :]
            if self.path[: len(known)] == known and len(rest) <= 1:
                return rest
        return None

    def of_column(self, column: str) -> str:
        """The text with this column in the place of its own."""
        return f"{Ident(column).display} -> {'.'.join(Ident(part).display for part in self.path)}"

"""SQL identifiers and literals that quote themselves, and the names of the kit's own objects.

Pure: no connection is needed. None of these types turns into a string by itself, so that
neither an f-string nor a template can use one unquoted: `.sql` is for SQL, `.display` for people.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from psycopg import sql

from pgaudit_kit.errors import UsageError

MAX_BYTES = 63
"""PostgreSQL cuts longer identifiers (NAMEDATALEN - 1)."""
EVENT_TRIGGERS = ("ddl", "drop", "lend", "rearm", "rewrite", "type")
"""Kinds of the kit's event triggers."""

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_TOKEN = re.compile(
    r"""\s*(?: "(?P<quoted>(?:[^"]|"")*)" | (?P<plain>[A-Za-z_\u0080-\U0010ffff][\w$]*) )\s*""",
    re.VERBOSE,
)
_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class _Quoted:
    """Refuses to become a string except through `.sql` and `.display`."""

    __slots__ = ()

    def __str__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__}: say .sql or .display")


@dataclass(frozen=True, slots=True, order=True)
class Ident(_Quoted):
    """One SQL identifier, as the catalogs store it (no quotes, case kept)."""

    name: str

    def __post_init__(self) -> None:
        """Refuse what cannot be a name: empty, holding NUL, or longer than PostgreSQL keeps."""
        if not self.name or "\0" in self.name:
            raise UsageError("A name must not be empty or hold a NUL character.")
        if len(self.name.encode("utf-8", "replace")) > MAX_BYTES:
            raise UsageError(f"The name {self.name!r} is longer than {MAX_BYTES} bytes.")

    @property
    def sql(self) -> str:
        """The identifier in double quotes."""
        return sql.Identifier(self.name).as_string(None)

    @property
    def display(self) -> str:
        """The identifier for people: quoted only where SQL needs it."""
        return self.name if _PLAIN.fullmatch(self.name) else self.sql


@dataclass(frozen=True, slots=True, order=True)
class QualifiedName(_Quoted):
    """The name of a table or another object with its schema, as the catalogs store them."""

    schema: str
    name: str

    def __post_init__(self) -> None:
        """Check both parts as Ident does."""
        Ident(self.schema)
        Ident(self.name)

    @classmethod
    def parse(cls, text: str) -> QualifiedName:
        """Read SQL syntax: `public.doc`, `"My Schema"."T"`; unquoted letters A-Z fold to lower case."""
        parts = _parse_parts(text)
        if len(parts) == 1:
            raise UsageError(
                f"The table {text!r} is named without its schema.",
                hint=f"Write it with its schema, for example public.{Ident(parts[0]).display}.",
            )
        if len(parts) != 2:
            raise _bad_name(text)
        return cls(*parts)

    @property
    def sql(self) -> str:
        """Both parts in double quotes."""
        return sql.Identifier(self.schema, self.name).as_string(None)

    @property
    def display(self) -> str:
        """The name for people; `parse` reads it back."""
        return f"{Ident(self.schema).display}.{Ident(self.name).display}"


@dataclass(frozen=True, slots=True)
class Literal(_Quoted):
    """A constant in SQL text, for DDL that takes no parameters."""

    value: str | int | bool | Sequence[str] | None

    @property
    def sql(self) -> str:
        """The constant, quoted; a list becomes a PostgreSQL array constant without a type."""
        value = self.value
        if value is None or isinstance(value, int):
            return sql.Literal(value).as_string(None)
        if any("\0" in text for text in value):
            raise UsageError("A text in SQL must not hold a NUL character.")
        constant = value if isinstance(value, str) else list(value)
        return sql.Literal(constant).as_string(None).lstrip() if constant != [] else "'{}'"

    @property
    def display(self) -> str:
        """The constant as SQL would show it."""
        return self.sql


CAPTURE_FUNCTIONS = ("capture", "generic", "bulk", "bulk_generic")
"""Kinds of functions that an audited table has: tg_<kind>_<table_id>."""


def context_setting(schema: str) -> str:
    """The custom setting in which one installation keeps its context, valid as an unquoted name."""
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,30}", schema):
        return f"pgaudit_kit.context_{schema}"
    return f"pgaudit_kit.context_x{_digest(schema)}"


def trigger_name(schema: str, kind: str) -> str:
    """The name of the kit's trigger of this kind; `00_` makes it fire before the others."""
    return _fitting("00_pgaudit_kit_", schema, kind)


def event_trigger_name(schema: str, kind: str) -> str:
    """The name of the kit's event trigger of this kind; event triggers have no schema of their own."""
    return _fitting("pgaudit_kit_", schema, kind)


def stored_tenant(value: str | None) -> str:
    """The tenant as the log names it; the function stored_tenant in sql/ says the same."""
    if value is None:
        return "default"
    encoded = value.encode()
    if len(encoded) > 200:
        return f"sha256:{hashlib.sha256(encoded).hexdigest()}"
    return f"_{value}" if value.startswith("_") else value


def _fitting(prefix: str, schema: str, kind: str) -> str:
    name = f"{prefix}{schema}_{kind}"
    if len(name.encode()) > MAX_BYTES:
        name = f"{prefix}x{_digest(schema)}_{kind}"
    return Ident(name).name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def identifiers(text: str) -> list[str]:
    """The parts of a dotted name in SQL syntax; UsageError where it is none."""
    return _parse_parts(text)


def _parse_parts(text: str) -> list[str]:
    parts: list[str] = []
    position = 0
    while match := _TOKEN.match(text, position):
        quoted, plain = match["quoted"], match["plain"]
        parts.append(plain.translate(_FOLD) if plain else quoted.replace('""', '"'))
        if match.end() == len(text):
            return parts
        if text[match.end()] != ".":
            break
        position = match.end() + 1
    raise _bad_name(text)


def _bad_name(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is not the name of a table.",
        hint='Write it as SQL does: public.doc, or "My Schema"."T" where case or spaces matter.',
    )

"""The template engine: strict, and it takes only values that quote themselves."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from pgaudit_kit import names, resources
from pgaudit_kit.names import Ident, Literal, QualifiedName

_ARRAY_TYPE = "text[]"


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL text that the kit itself composed of quoted parts."""

    sql: str


def _quoted(value: object) -> str:
    """What `{{ … }}` prints: the value's own SQL; a bare string is refused."""
    if isinstance(value, Ident | QualifiedName | Literal | Sql):
        return value.sql
    raise TypeError(f"a template may print identifiers and literals, not {type(value).__name__}: {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of the kit's roles, shared by the installations of a cluster."""

    owner: str = "pgaudit_kit_owner"
    view: str = "pgaudit_kit_view"
    reader: str = "pgaudit_kit_reader"
    auditor: str = "pgaudit_kit_auditor"
    sealer: str = "pgaudit_kit_sealer"
    eraser: str = "pgaudit_kit_eraser"
    dump: str = "pgaudit_kit_dump"
    signer: str = "pgaudit_kit_signer"

    def all(self) -> list[str]:
        """Every role, the owner first."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


class Templates:
    """The templates with what is the same in all of them: schema, roles and settings of one installation."""

    def __init__(
        self,
        schema: str,
        *,
        roles: Roles | None = None,
        personal_context: tuple[str, ...] = (),
        actions: Mapping[str, Sequence[str]] | None = None,
        partman: str = "partman",
        regions_of_tables: bool = False,
    ) -> None:
        """Prepare rendering for the installation in `schema`; `partman` is the schema of pg_partman.

        Where tables belong to `regions_of_tables`, personal values are written with their table's number.
        """
        self.schema = schema
        self.roles = roles or Roles()
        self._globals = self._common(personal_context, actions or {})
        self._globals |= {
            "partman": Ident(partman),
            "partman_name": Literal(partman),
            "regions_of_tables": regions_of_tables,
        }

    def _common(
        self, personal_context: tuple[str, ...], actions: Mapping[str, Sequence[str]]
    ) -> dict[str, Any]:
        audit = Ident(self.schema)
        roles = self.roles
        values: dict[str, Any] = {
            "audit": audit,
            "schema_name": Literal(self.schema),
            "schema_literal": Literal(audit.sql),
            "event_id_seq": Literal(QualifiedName(self.schema, "event_id_seq").sql),
            "truncate_function": Literal(QualifiedName(self.schema, "tg_truncate").sql),
            "context_setting": Literal(names.context_setting(self.schema)),
            "personal_context": text_array(personal_context),
            "has_actions": bool(actions),
            "actions": Literal(_by_letter(actions)),
            "role_names": text_array(roles.all()),
            "sql": Sql,
        }
        for role in (field.name for field in dataclasses.fields(roles)):
            values[role] = Ident(getattr(roles, role))
            values[f"{role}_literal"] = Literal(getattr(roles, role))
        for kind in names.EVENT_TRIGGERS:
            values[f"event_trigger_{kind}"] = Ident(names.event_trigger_name(self.schema, kind))
        return values

    def render(self, path: str, values: Mapping[str, Any] | None = None) -> str:
        """The text of one template (`functions/seal.sql`, `triggers/capture.sql`)."""
        return _environment().get_template(path).render(**self._globals, **(values or {}))

    def render_text(self, text: str) -> str:
        """The same for a template that stands in no file of sql/, such as a migration's."""
        return _environment().from_string(text).render(**self._globals)


@functools.cache
def _environment() -> jinja2.Environment:
    """One for all installations: compiling the templates is most of a command's work."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_load),
        undefined=jinja2.StrictUndefined,
        finalize=_quoted,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - SQL, and every value quotes itself
    )


def _by_letter(actions: Mapping[str, Sequence[str]]) -> str:
    """The declared actions as JSON, operations as the log names them: insert is I."""
    letters = {action: [word[0].upper() for word in words] for action, words in sorted(actions.items())}
    return json.dumps(letters, ensure_ascii=False)


def text_array(values: tuple[str, ...] | list[str]) -> Sql:
    """A constant of type text[]."""
    return Sql(f"{Literal(list(values)).sql}::{_ARRAY_TYPE}")


def dollar_quote(body: str) -> str:
    """A dollar-quote tag that does not occur in the body."""
    number = 0
    while (tag := f"$pgaudit_kit{number or ''}$") in body:
        number += 1
    return tag


def strip_header(text: str) -> str:
    """The text without its leading comment lines (object, requires, purpose)."""
    return re.sub(r"\A(--[^\n]*\n)+", "", text)


def _load(path: str) -> str | None:
    try:
        if path.startswith("triggers/"):
            return resources.trigger_text(path.removeprefix("triggers/"))
        return resources.sql_text(path)
    except FileNotFoundError:
        return None

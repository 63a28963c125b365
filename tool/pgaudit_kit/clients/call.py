"""The call of `set_context` that a context makes; pure, shared by all clients."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pgaudit_kit.clients.hlc import Clock
from pgaudit_kit.names import QualifiedName, context_setting

SCHEMA = "audit"
FIELDS = (
    "actor_id", "action", "tenant_id", "session_id", "request_id", "correlation_id", "client_app",
    "auth_method", "permissions", "ip", "user_agent", "geo", "node_id",
)  # fmt: skip
"""Parameters of set_context; every other field becomes one of `extra`."""

_acting = contextvars.ContextVar[Mapping[str, Any]]("pgaudit_kit_acting")


class NoTransaction(RuntimeError):
    """A context outside a transaction would hold for nothing: open the transaction first."""


@contextmanager
def acting(**context: Any) -> Iterator[None]:
    """Who acts in this thread or task, for clients that ask when a transaction begins."""
    token = _acting.set({**current(), **context})
    try:
        yield
    finally:
        _acting.reset(token)


def current() -> dict[str, Any]:
    """What `acting` says here."""
    return dict(_acting.get({}))


@dataclass(frozen=True, slots=True)
class Call:
    """A statement with named places, as psycopg writes them, and its parameters."""

    text: str
    parameters: dict[str, Any]


def call(
    context: Mapping[str, Any],
    *,
    schema: str = SCHEMA,
    clock: Clock | None = None,
) -> Call:
    """`SELECT audit.set_context(…)`.

    None leaves a field as it is, an empty text takes it away. A clock adds `hlc`, and its `node_id`.
    """
    given = {name: value for name, value in context.items() if value is not None}
    extra = dict(given.pop("extra", None) or {})
    if clock is not None:
        given.setdefault("node_id", clock.node_id)
        given["hlc"] = str(clock.tick())
    extra |= {name: given.pop(name) for name in list(given) if name not in FIELDS}
    parameters = {name: _value(name, value) for name, value in given.items()}
    if extra:
        parameters["extra"] = json.dumps(extra, ensure_ascii=False, default=str)
    types = {"permissions": "text[]", "extra": "jsonb"}
    said = ", ".join(f"{name} => CAST(%({name})s AS {types.get(name, 'text')})" for name in parameters)
    return Call(f"SELECT {QualifiedName(schema, 'set_context').sql}({said})", parameters)


def _value(name: str, value: Any) -> Any:
    return [str(item) for item in value] if name == "permissions" else str(value)


def read(schema: str = SCHEMA) -> Call:
    """What the context is now, as text; NULL where nothing was said."""
    return Call("SELECT current_setting(%(name)s, true)", {"name": context_setting(schema)})


def restore(before: str | None, schema: str = SCHEMA) -> Call:
    """Put back what `read` gave."""
    parameters = {"name": context_setting(schema), "value": before or ""}
    return Call("SELECT set_config(%(name)s, %(value)s, true)", parameters)

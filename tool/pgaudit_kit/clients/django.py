"""Who acts, for Django: a middleware, and the same by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from pgaudit_kit.clients.call import SCHEMA, Call, NoTransaction, call, read, restore
from pgaudit_kit.clients.hlc import Clock

DEFAULT = "default"


def say(using: str = DEFAULT, *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any) -> None:
    """Add to what is known of the running transaction, such as the action."""
    if not connections[using].in_atomic_block:
        raise NoTransaction(NoTransaction.__doc__)
    _run(using, call(context, schema=schema, clock=clock))


@contextmanager
def audit_context(
    using: str = DEFAULT, *, schema: str = SCHEMA, clock: Clock | None = None, **context: Any
) -> Iterator[None]:
    """A transaction in which somebody acts.

    In a running transaction it is a savepoint, and afterwards the context is again what it was.
    """
    outermost = not connections[using].in_atomic_block
    with transaction.atomic(using=using):
        before = None if outermost else _run(using, read(schema))
        _run(using, call(context, schema=schema, clock=clock))
        yield
        if not outermost:
            _run(using, restore(before, schema))


def _run(using: str, said: Call) -> Any:
    with connections[using].cursor() as cursor:
        cursor.execute(said.text, said.parameters)
        row = cursor.fetchone()
    return row[0] if row else None


class AuditContextMiddleware:
    """Who sent the request, for all that it writes. Stands right after AuthenticationMiddleware.

    Each request that may write is one transaction; set ATOMIC_REQUESTS as well, so that a view that fails
    writes nothing. A subclass says more by `context`, and another database or schema by the attributes.
    """

    using = DEFAULT
    schema = SCHEMA
    clock: Clock | None = None
    safe_methods = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        """Take the next in the row."""
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Answer the request within a context."""
        if request.method in self.safe_methods:
            return self.get_response(request)
        with audit_context(self.using, schema=self.schema, clock=self.clock, **self.context(request)):
            return self.get_response(request)

    def context(self, request: Any) -> dict[str, Any]:
        """What is known of the request."""
        user: Any = getattr(request, "user", None)
        known = user is not None and user.is_authenticated
        return {
            "actor_id": str(user.pk) if known else None,
            "ip": request.META.get("REMOTE_ADDR") or None,
            "user_agent": request.headers.get("User-Agent"),
            "request_id": request.headers.get("X-Request-ID"),
        }

"""What is asked for, and which blocks and checkpoints that means."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pgaudit_kit.errors import Inconclusive
from pgaudit_kit.policy import Policy
from pgaudit_kit.verify.session import Session

_END = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A tenant's whole log, what happened between two times, or single events."""

    tenant: str
    since: datetime | None = None
    until: datetime | None = None
    event_ids: tuple[int, ...] = ()
    personal: bool = False
    policy: Policy | None = None

    @property
    def kind(self) -> str:
        """Which of the three."""
        if self.event_ids:
            return "events"
        return "all" if self.since is None and self.until is None else "range"

    def facts(self) -> dict[str, Any]:
        """As the manifest has it."""
        return {
            "kind": self.kind,
            "from": self.since and self.since.isoformat(),
            "to": self.until and self.until.isoformat(),
            "event_ids": sorted(self.event_ids) or None,
            "personal": self.personal,
        }


@dataclass(slots=True, kw_only=True)
class Scope:
    """Blocks from `first` to `last`, or those of `numbers`; `size` bounds them in the log."""

    salt: bytes
    first: int
    last: int
    numbers: list[int] = field(default_factory=list)
    size: int
    origin: str | None
    checkpoints: list[int]
    """Sizes of those that go along; the newest last."""
    sealed: int
    """Events in the tenant's whole chain."""

    def is_border(self, number: int) -> bool:
        """Whether the block only shows where a range begins or ends."""
        return not self.numbers and not self.first <= number <= self.last


def find_scope(session: Session, request: Request) -> Scope:
    """Look up what the request means; Inconclusive where nothing of it is sealed, or signed."""
    heads = session.rows("evidence/head", {"tenant": request.tenant})
    if not heads or not heads[0].event_count:
        raise Inconclusive(
            f"Nothing of tenant {request.tenant} is sealed.",
            hint="Tenants are named as the log stores them; `pgaudit-kit seal` seals what has committed.",
        )
    (head,) = heads
    origin = request.policy.origins[-1] if request.policy else None
    rows = session.rows("evidence/checkpoints", {"origin": origin})
    sizes = [row.size for row in rows]
    scope = Scope(
        salt=bytes(head.salt),
        first=1,
        last=head.block_number,
        size=sizes[-1] if sizes else _END,
        origin=rows[0].origin if rows else None,
        checkpoints=sizes[-1:],
        sealed=head.event_count,
    )
    if request.kind == "events":
        _find_blocks(session, request, scope)
    elif request.kind == "range":
        _find_span(session, request, scope)
    if sizes:
        _choose_checkpoints(session, request, scope, sizes)
    return scope


def _find_blocks(session: Session, request: Request, scope: Scope) -> None:
    ids = sorted(set(request.event_ids))
    values = {"tenant": request.tenant, "ids": ids, "size": scope.size}
    rows = session.rows("evidence/holders", values)
    absent = sorted(set(ids) - {row.event_id for row in rows})
    if absent:
        raise Inconclusive(
            f"Not in the {'signed' if scope.checkpoints else 'sealed'} log of tenant {request.tenant}:"
            f" {', '.join(map(str, absent[:20]))}.",
            hint="Events of the last moments: `pgaudit-kit seal`, then `pgaudit-kit checkpoint`.",
        )
    scope.numbers = sorted({row.block_number for row in rows})
    scope.first, scope.last = 1, 0


def _find_span(session: Session, request: Request, scope: Scope) -> None:
    values = {
        "tenant": request.tenant,
        "size": scope.size,
        "low": request.since or "-infinity",
        "high": request.until or "infinity",
    }
    (span,) = session.rows("evidence/span", values)
    if span.first is None:
        raise Inconclusive(f"No sealed event of tenant {request.tenant} happened in that time.")
    # With all that was sealed in that time, and the first block after it, the headers show where it ends
    scope.first = min(span.first, span.first_sealed or span.first)
    scope.last = max(span.last, span.last_sealed or 0, span.first_after or 0)


def block_values(request: Request, scope: Scope) -> dict[str, Any]:
    """Parameters of the query for the blocks; a range has one block more on either side."""
    beside = 1 if request.kind == "range" else 0
    return {
        "tenant": request.tenant,
        "size": scope.size,
        "first": scope.first - beside,
        "last": scope.last + beside,
        "numbers": scope.numbers,
    }


def _choose_checkpoints(session: Session, request: Request, scope: Scope, sizes: list[int]) -> None:
    """The newest, the first that covers everything, and the last before all of it: they bracket its time."""
    ends = session.rows("evidence/ends", block_values(request, scope))[0]
    if ends.first is None:
        raise Inconclusive(
            f"No checkpoint covers the log of tenant {request.tenant} yet.",
            hint="Run `pgaudit-kit checkpoint`.",
        )
    chosen = {sizes[-1], sizes[bisect_left(sizes, ends.last + 1)]}
    before = bisect_right(sizes, ends.first)
    if before:
        chosen.add(sizes[before - 1])
    scope.checkpoints = sorted(chosen)

"""Events that are not in order: what each of them is, said as exactly as can be told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pgaudit_kit.verify.report import Finding

KEPT = 1000
"""Events of one class that are looked at one by one, for each tenant."""

KINDS = {
    "changed": "event-changed",
    "other-tenant": "event-foreign",
    "missing": "event-missing",
    "inserted": "event-unsealed",
    "too-early": "event-back-dated",
    "too-late": "event-future-dated",
}
"""Class in verify_events.sql, and kind of finding; every other class is event-forged."""

MESSAGES = {
    "changed": "the event is not as it was sealed: its hash differs from the one in block {block}",
    "other-tenant": "block {block} holds the event, which belongs to tenant {row.tenant_id!r}",
    "missing": "block {block} holds the event, and the log does not: it was deleted",
    "inserted": "the event is in no block, though the last seal must have seen its transaction"
    " {row.transaction_id}: it was inserted behind the kit's back",
    "event-id": "the event has an id that the log's sequence never gave out",
    "operation": "the event has the unknown operation {row.operation!r}",
    "table": "the event is about a row and names no table",
    "row-xmin": "the row version {row.row_xmin} cannot have been made by transaction {row.transaction_id}",
    "transaction-id": "no committed transaction has the id {row.transaction_id}",
    "order": "the event's id was given out before its transaction {row.transaction_id} began",
    "too-early": "the event says {row.occurred_at}, over an hour before a seal that its transaction"
    " {row.transaction_id} followed (or the clock was set back)",
    "too-late": "the event says {row.occurred_at}, over an hour after it was there already"
    " (or the clock was wrong)",
}


@dataclass(slots=True)
class Suspect:
    """One event that is not in order, and what was added to what its class says."""

    kind: str
    tenant_id: str
    event_id: int
    sealed: bool
    block_number: int | None = None
    log_index: int | None = None
    sealed_hash: bytes | None = None
    remarks: list[str] = field(default_factory=list)
    row: Any = None
    """What stands in the log under this id (verify_details.sql); None where nothing does."""


class Suspects:
    """Suspects by class and tenant: the first of each kept, the others counted."""

    def __init__(self) -> None:
        """Start with none."""
        self._kept: defaultdict[tuple[str, str], list[Suspect]] = defaultdict(list)
        self._more: Counter[tuple[str, str, int | None]] = Counter()
        self.event_ids: set[int] = set()

    def __iter__(self) -> Iterator[Suspect]:
        """Those kept."""
        for suspects in list(self._kept.values()):
            yield from list(suspects)

    def add(self, suspect: Suspect) -> None:
        """Take one."""
        kept = self._kept[suspect.kind, suspect.tenant_id]
        if len(kept) < KEPT:
            kept.append(suspect)
            self.event_ids.add(suspect.event_id)
        else:
            self._more[suspect.kind, suspect.tenant_id, suspect.log_index] += 1

    def remove(self, gone: Iterable[Suspect]) -> None:
        """Drop some that turned out to be something else."""
        dropped = {id(suspect) for suspect in gone}
        for kept in self._kept.values():
            kept[:] = [suspect for suspect in kept if id(suspect) not in dropped]

    def remove_of_block(self, kind: str, tenant_id: str, log_index: int) -> None:
        """Drop all of a class that are of one block."""
        self.remove([one for one in self._kept[kind, tenant_id] if one.log_index == log_index])
        del self._more[kind, tenant_id, log_index]

    def remove_class(self, kind: str, tenant_id: str) -> None:
        """Drop all of a class."""
        self._kept[kind, tenant_id].clear()
        for key in [key for key in self._more if key[:2] == (kind, tenant_id)]:
            del self._more[key]

    def count(self, kind: str, tenant_id: str) -> int:
        """How many there are of a class."""
        more = sum(number for key, number in self._more.items() if key[:2] == (kind, tenant_id))
        return len(self._kept[kind, tenant_id]) + more

    def more(self) -> dict[str, int]:
        """How many were only counted, by tenant."""
        totals: Counter[str] = Counter()
        for (_, tenant_id, _), number in self._more.items():
            totals[tenant_id] += number
        return dict(totals)


def finding(suspect: Suspect, table: str | None) -> Finding:
    """Say what the event is; `table` is the name of the table that it claims to be about."""
    row = suspect.row
    message = MESSAGES[suspect.kind].format(block=suspect.block_number, row=row)
    return Finding(
        kind=KINDS.get(suspect.kind, "event-forged"),
        level="events",
        tenant_id=suspect.tenant_id,
        table=table,
        record_key=row.record_key if row else None,
        event_id=suspect.event_id,
        block_number=suspect.block_number,
        message="; ".join([message, *suspect.remarks]),
    )

"""What writers know that they committed: the other account, against which the log is held."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Image = dict[str, Any]
Recorded = tuple[str, str, Image | None, Image | None]
"""Operation, tenant, old and new values, as an event must have them."""


@dataclass(frozen=True)
class Change:
    """One event that must be in the log if its transaction committed."""

    table: str
    key: str | None
    operation: str
    tenant: str
    old: Image | None = None
    new: Image | None = None

    @property
    def recorded(self) -> Recorded:
        return self.operation, self.tenant, self.old, self.new


@dataclass
class Transaction:
    """One transaction of a writer, from its first change on."""

    xid: int
    writer: str
    mark: str = ""
    """What it leaves in an unaudited table: there if it committed, for a crash gives its number to others."""
    changes: list[Change] = field(default_factory=list)
    gid: str | None = None
    """Its name, where it was prepared."""
    outcome: str | None = None
    """What the writer was told: committed or rolled back; None where the connection was lost."""

    def by_key(self) -> dict[tuple[str, str | None], list[Recorded]]:
        """The changes of each row in their order; between rows of one statement there is none."""
        rows: dict[tuple[str, str | None], list[Recorded]] = defaultdict(list)
        for change in self.changes:
            rows[change.table, change.key].append(change.recorded)
        return rows


class Ledger:
    """All writers' transactions."""

    def __init__(self) -> None:
        self.transactions: dict[int, Transaction] = {}
        self._lock = threading.Lock()

    def open(self, xid: int, writer: str, mark: str) -> Transaction:
        """A transaction that has begun."""
        transaction = Transaction(xid, writer, mark)
        with self._lock:
            # the number of what left nothing durable, a rollback too, is used again after a crash
            lost = self.transactions.get(xid)
            assert lost is None or lost.outcome != "committed", f"transaction {xid} began twice"
            self.transactions[xid] = transaction
        return transaction


def updated(table: str, old: Image, new: Image) -> list[Change]:
    """The events of one updated row, from its two images."""
    before, after = key_of(table, old), key_of(table, new)
    if table == "part" and old["bucket"] != new["bucket"]:  # it moves to another partition
        return [deleted(table, old), inserted(table, new)]
    if old["tenant"] != new["tenant"]:  # one event in each tenant's log
        return [
            Change(table, before, "UPDATE", old["tenant"], old=old),
            Change(table, before, "UPDATE", new["tenant"], new=new),
        ]
    # an enum's value may be renamed between the two looks at the row
    was, now = settled(table, old), settled(table, new)
    names = {name for name in old if was[name] != now[name]}
    if not names:
        return []
    values = [{name: image[name] for name in names} for image in (old, new)]
    assert before == after or "id" in names
    return [Change(table, before, "UPDATE", old["tenant"], *values)]


def settled(table: str, image: Image) -> Image:
    """Without what may be renamed between a writer's look and the trigger's: an enum's value."""
    if table == "mood" and image.get("feel") is not None:
        return image | {"feel": image["feel"].rstrip("_")}
    return image


def inserted(table: str, new: Image) -> Change:
    """The event of a new row."""
    return Change(table, key_of(table, new), "INSERT", new["tenant"], new=new)


def deleted(table: str, old: Image) -> Change:
    """The event of a row that is gone."""
    return Change(table, key_of(table, old), "DELETE", old["tenant"], old=old)


def key_of(table: str, image: Image) -> str:
    """The key as the log writes it."""
    if table == "part":
        return f'["{image["id"]}", "{image["bucket"]}"]'
    return str(image["id"])

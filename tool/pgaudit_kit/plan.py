"""What must be done to bring a database from what it is to what the configuration says. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal as Choice

from pgaudit_kit.model import Installation, InstalledObject, ObjectId
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render import Unit

Operation = Choice["create", "replace", "drop", "change"]
_DONE: Mapping[Operation, str] = {
    "create": "created",
    "replace": "replaced",
    "change": "changed",
    "drop": "dropped",
}
_STAMP = re.compile(r"\s*\[pgaudit-kit sha256:([0-9a-f]{64})\]\s*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of a plan."""

    op: Operation
    kind: str
    target: str
    why: str
    sql: str
    as_owner: bool = True
    """Whether it runs as the kit's owner role; otherwise as whoever installs."""
    objects: tuple[ObjectId, ...] = ()
    """What it makes; each gets the digest that shows drift later."""
    unit_sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps in the order in which they are taken."""

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What the user should know although nothing is done about it."""

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.changes)

    def count(self, *ops: str) -> int:
        """How many steps are of these kinds."""
        return sum(change.op in ops for change in self.changes)

    @property
    def summary(self) -> str:
        """`1 to create, 2 to replace, 1 to drop`, or `nothing to do`."""
        return self._counted({op: f"to {op}" for op in _DONE}) or "nothing to do"

    @property
    def done(self) -> str:
        """The same once it has been carried out: `1 created, 2 replaced, 1 dropped`."""
        return self._counted(_DONE) or "nothing"

    def _counted(self, words: Mapping[Operation, str]) -> str:
        return ", ".join(f"{number} {word}" for op, word in words.items() if (number := self.count(op)))


def digest(unit_sql: str, definition: str) -> str:
    """SHA-256 over what made an object and what the catalogs say of it, in hex."""
    return hashlib.sha256(f"{unit_sql}\0{definition}".encode()).hexdigest()


def stamped(comment: str | None, value: str) -> str:
    """The comment with this digest at its end, in place of the one it had."""
    text = _STAMP.sub("", comment or "")
    return f"{text} [pgaudit-kit sha256:{value}]".lstrip()


def stamp_of(comment: str | None) -> str | None:
    """The digest at the end of a comment."""
    match = _STAMP.search(comment or "")
    return match[1] if match else None


def unit_changes(units: Iterable[Unit], installed: Iterable[InstalledObject]) -> list[Change]:
    """A step for each unit of which an object is missing or differs."""
    have = {item.id: item for item in installed}
    changes = []
    for unit in units:
        why = _reason(unit, have)
        if why is not None:
            op: Operation = "create" if why == "new" else "replace"
            changes.append(
                Change(
                    op=op,
                    kind=unit.objects[0].kind,
                    target=", ".join(display(item) for item in unit.objects),
                    why=why,
                    sql=unit.sql,
                    as_owner=unit.as_owner,
                    objects=unit.objects,
                    unit_sql=unit.sql,
                )
            )
    return changes


def _reason(unit: Unit, have: dict[ObjectId, InstalledObject]) -> str | None:
    missing = [item for item in unit.objects if item not in have]
    if len(missing) == len(unit.objects):
        return "new"
    if missing:
        return f"{display(missing[0])} is missing"
    for item in unit.objects:
        found = have[item]
        if stamp_of(found.comment) != digest(unit.sql, found.definition):
            return "installed text differs"
    return None


def drop_changes(
    installed: Iterable[InstalledObject], wanted: Collection[ObjectId], schema: str
) -> list[Change]:
    """A step for each object of the kit that nothing wants any more, triggers before their functions."""
    order = {"event trigger": 0, "trigger": 1, "policy": 2, "view": 3, "function": 4}
    gone = [item for item in installed if item.id not in wanted and stamp_of(item.comment)]
    return [
        Change(
            op="drop",
            kind=item.id.kind,
            target=display(item.id),
            why="no longer wanted",
            sql=f"DROP {item.id.kind.upper()} IF EXISTS {item.target};\n",
            as_owner=item.id.kind in ("function", "view")
            or (item.id.parent is not None and item.id.parent.schema == schema),
        )
        for item in sorted(gone, key=lambda item: (order[item.id.kind], item.id.name, item.target))
    ]


def display(item: ObjectId) -> str:
    """The object as a person would name it, without its kind."""
    if item.parent is None:
        return item.name
    return f"{item.name} on {item.parent.display}"


def orphaned_tables(installation: Installation, kept: Collection[int]) -> list[tuple[int, QualifiedName]]:
    """Registered tables, by id, that are audited but that the configuration does not name."""
    return [
        (table.table_id, table.name)
        for table in installation.registered
        if table.enabled and table.table_id not in kept
    ]

"""What must be done to bring a database from what it is to what the configuration says. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal as Choice

from pgaudit_kit.model import InstalledObject, ObjectId
from pgaudit_kit.names import CAPTURE_FUNCTIONS, Ident, QualifiedName
from pgaudit_kit.render import Roles, Unit

Operation = Choice["create", "replace", "drop", "change"]
_DONE: Mapping[Operation, str] = {
    "create": "created",
    "replace": "replaced",
    "change": "changed",
    "drop": "dropped",
}
_CAPTURE = re.compile(rf"tg_({'|'.join(CAPTURE_FUNCTIONS)})_\d+")
_HALF = 32
_STAMP = re.compile(r"\s*\[pgaudit-kit sha256:([0-9a-f]{64})(?: on (\d+))?\]\s*\Z")


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
    blocks: tuple[QualifiedName, ...] = ()
    """Tables whose writers wait from this step to the commit."""
    database: str | None = None
    """Another database of the server to which it belongs; it is taken there once the rest is committed."""
    repeated: bool = False
    """Whether it is taken once the rest is committed, each time in a transaction, until it answers NULL."""


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
    """Half a SHA-256 over what made an object, then half a one over what the catalogs say of it, in hex."""
    return _half(unit_sql) + _half(definition)


def _half(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HALF]


def stamped(comment: str | None, value: str, server: int = 0) -> str:
    """The comment with this digest at its end, in place of the one it had, and the server's version."""
    text = _STAMP.sub("", comment or "")
    return f"{text} [pgaudit-kit sha256:{value}{f' on {server}' if server else ''}]".lstrip()


def stamp_of(comment: str | None) -> str | None:
    """The digest at the end of a comment."""
    match = _STAMP.search(comment or "")
    return match[1] if match else None


def stamped_on(comment: str | None) -> int:
    """The major version of the server on which the digest was made; 0 where it is not known."""
    match = _STAMP.search(comment or "")
    return int(match[2] or 0) if match else 0


def unit_changes(
    units: Iterable[Unit],
    installed: Iterable[InstalledObject],
    *,
    absent: str = "new",
    differs: str | None = None,
) -> list[Change]:
    """A step for each unit of which an object is missing or differs.

    `absent` says why one is missing, `differs` why its text is another, where the caller knows.
    """
    # where somebody added a function of the same name, ours is the one with a digest
    have = {item.id: item for item in sorted(installed, key=lambda item: stamp_of(item.comment) is not None)}
    return [_unit_change(unit, have, why) for unit in units if (why := _reason(unit, have, absent, differs))]


def _unit_change(unit: Unit, have: Mapping[ObjectId, InstalledObject], why: str) -> Change:
    there = [have[item] for item in unit.objects if item in have]
    return Change(
        op="replace" if there else "create",
        kind=unit.objects[0].kind,
        target=", ".join(display(item) for item in unit.objects),
        why=why,
        sql="".join(map(_without_grants, there)) + unit.sql,
        as_owner=unit.as_owner,
        objects=unit.objects,
        unit_sql=unit.sql,
        blocks=tuple(dict.fromkeys(item.parent for item in unit.objects if item.parent)),
    )


def _without_grants(item: InstalledObject) -> str:
    """Takes back what was granted on an object: replacing it in place would keep that."""
    roles = Roles()
    if item.id.kind == "function":
        return f"REVOKE ALL ON FUNCTION {item.target} FROM {_grantees(roles.owner)} CASCADE;\n"
    if item.id.kind == "view":
        return (
            f"DO $do$\nBEGIN\n    DROP VIEW {item.target};\n"
            "EXCEPTION WHEN dependent_objects_still_exist THEN\n"
            f"    REVOKE ALL ON TABLE {item.target} FROM {_grantees(roles.view)} CASCADE;\nEND;\n$do$;\n"
        )
    return ""


def _grantees(owner: str) -> str:
    others = (Ident(role).sql for role in Roles().all() if role != owner)
    return ", ".join(("PUBLIC", *others))


def _reason(
    unit: Unit, have: Mapping[ObjectId, InstalledObject], absent: str, differs: str | None
) -> str | None:
    missing = [item for item in unit.objects if item not in have]
    if len(missing) == len(unit.objects):
        return absent
    if missing:
        return f"{display(missing[0])} is missing"
    for item in unit.objects:
        if why := _difference(unit, have[item], differs):
            return why if len(unit.objects) == 1 else f"{display(item)}: {why}"
    return None


def _difference(unit: Unit, found: InstalledObject, differs: str | None) -> str | None:
    stamp, now = stamp_of(found.comment), digest(unit.sql, found.definition)
    if stamp == now:
        return None
    if stamp is None:
        return "its comment carries no digest, so what it is cannot be told"
    if stamp[_HALF:] == now[_HALF:]:
        return differs or "the declaration or this version of pgaudit-kit asks for another text"
    made = stamped_on(found.comment)
    if made and found.server and made != found.server:
        return f"it was made on PostgreSQL {made}, and {found.server} may print the same otherwise"
    return _state(found) or differs or _altered(found)


def _state(found: InstalledObject) -> str | None:
    """What is to be said of a trigger that does not always fire."""
    states = {"D": "it was disabled", "O": "it is no longer ALWAYS", "R": "it is no longer ALWAYS"}
    if found.id.kind not in ("trigger", "event trigger"):
        return None
    return next((states[line] for line in found.definition.splitlines() if line in states), None)


def _altered(found: InstalledObject) -> str:
    what = {"function": "text, owner or grants", "view": "text, owner or grants"}
    return f"its {what.get(found.id.kind, 'definition')} changed in the database since it was installed"


def drop_changes(
    installed: Iterable[InstalledObject],
    wanted: Set[ObjectId],
    schema: str,
    *,
    own: Set[ObjectId] = frozenset(),
    why: str = "nothing declared needs it",
) -> list[Change]:
    """A step for each object of the kit that nothing wants any more, triggers before their functions.

    `own` are the kit's whatever their comments say; what is not the kit's stays, but for namesakes of
    what is wanted.
    """
    items = list(installed)
    ours = {item.id for item in items if stamp_of(item.comment)} | own
    order = {"event trigger": 0, "trigger": 1, "policy": 2, "view": 3, "function": 4}
    gone = [
        item
        for item in items
        if (
            item.id in ours or _is_ours_by_nature(item.id)
            if item.id not in wanted
            else item.id in ours and stamp_of(item.comment) is None
        )
    ]
    return [
        Change(
            op="drop",
            kind=item.id.kind,
            target=display(item.id),
            why=why,
            sql=f"DROP {item.id.kind.upper()} IF EXISTS {item.target};\n",
            as_owner=item.id.kind in ("function", "view")
            or (item.id.parent is not None and item.id.parent.schema == schema),
            blocks=(item.id.parent,) if item.id.parent else (),
        )
        for item in sorted(gone, key=lambda item: (order[item.id.kind], item.id.name, item.target))
    ]


def _is_ours_by_nature(item: ObjectId) -> bool:
    """Triggers that call the kit, policies on its tables, capture functions: whatever their comments say."""
    return item.kind in ("trigger", "event trigger", "policy") or bool(_CAPTURE.fullmatch(item.name))


def one_line(text: str) -> str:
    """The text without line breaks: a name that holds one must not end a comment or a line of the plan."""
    return " ".join(text.split())


def display(item: ObjectId) -> str:
    """The object as a person would name it, without its kind."""
    if item.parent is None:
        return item.name
    return f"{item.name} on {item.parent.display}"

"""Tables that find their tenant by a foreign key, and the audited tables that lend it to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pgaudit_kit.catalog import read_tables
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.install.audited import Target
from pgaudit_kit.install.descendants import Declared
from pgaudit_kit.install.tables import from_registry
from pgaudit_kit.model import Column, ForeignKey, Installation, RegisteredTable, Table
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.reference import Reference
from pgaudit_kit.render import CaptureSpec, Templates
from pgaudit_kit.render.types import EXACT

_INTEGERS, _TEXTS = {20, 21, 23}, {25, 1043}
"""Types between which a foreign key may lead, and whose values read the same."""


def with_lenders(
    conn: Connection,
    templates: Templates,
    installation: Installation,
    declared: list[Declared],
    ended: Iterable[QualifiedName],
) -> list[Declared]:
    """The same and the registered tables that lend their tenant to these, or did to those that end.

    What they note, or need not note any more, is part of their own capture functions.
    """
    enabled = {row.name: row for row in installation.registered if row.enabled}
    wanted, seen = list(declared), {item.config.table for item in declared} | set(ended)
    ids = {row.lender for name, row in enabled.items() if name in seen}
    due = [name for name, row in enabled.items() if row.table_id in ids]
    due += [name for item in declared for name in _referred(conn, templates, item)]
    for name in due:  # grows: lenders may have lenders
        if name in enabled and name not in seen:
            seen.add(name)
            for table in read_tables(conn, templates, oids=[enabled[name].relation]):
                lender = Declared(config=from_registry(enabled[name], table), place=None)
                wanted.append(lender)
                due += _referred(conn, templates, lender)
    return wanted


def _referred(conn: Connection, templates: Templates, item: Declared) -> list[QualifiedName]:
    """The table that the declaration's foreign key leads to."""
    if item.config.tenant is None or item.config.tenant.via is None:
        return []
    reference = Reference.parse(item.config.tenant.via)
    tables = read_tables(conn, templates, [item.config.table])
    return [key.table for table in tables for key in _keys(reference, table)]


def refuse_lenders(
    installation: Installation, ended: Iterable[QualifiedName], others: Iterable[RegisteredTable]
) -> None:
    """Raise ConfigError where a table shall end by which one of the others finds its tenant."""
    ids = {
        row.table_id: row.name for row in installation.registered if row.enabled and row.name in set(ended)
    }
    for row in others:
        if (name := ids.get(row.lender or 0)) is not None:
            raise ConfigError(
                f"{row.name.display} finds its tenant via {name.display}.",
                hint=f"Disable {row.name.display} too, or declare another tenant for it first.",
            )


def lent(targets: list[Target], others: Iterable[RegisteredTable]) -> list[Target]:
    """The targets with who lends to whom, lenders first; `others` are audited and no targets.

    ConfigError where one cannot lend.
    """
    known = {target.spec.table.name: target for target in targets}
    lenders = {
        target.spec.table_id: _lender(target, known) for target in targets if target.spec.tenant_kind == "via"
    }
    busy = {lender.spec.table_id for lender in lenders.values()} | {row.lender for row in others}
    made = [
        replace(
            target,
            spec=replace(
                target.spec,
                lends=target.spec.table_id in busy,
                tenant_parent=lenders[target.spec.table_id].spec.table_id
                if target.spec.table_id in lenders
                else None,
            ),
        )
        for target in targets
    ]
    return sorted(made, key=lambda target: _depth(target, lenders))


def _depth(target: Target, lenders: dict[int, Target]) -> int:
    depth, table_id = 0, target.spec.table_id
    while table_id in lenders:
        depth, table_id = depth + 1, lenders[table_id].spec.table_id
        if depth > len(lenders):
            raise ConfigError(
                f"{target.spec.table.name.display} finds its tenant via itself.",
                at=target.place,
                hint="The last table that is named must have a column for it.",
            )
    return depth


def _keys(reference: Reference, table: Table) -> list[ForeignKey]:
    return [
        key for key in table.foreign_keys if key.columns == (reference.column,) and reference.names(key.table)
    ]


def _lender(target: Target, known: dict[QualifiedName, Target]) -> Target:
    tenant = target.declared.tenant
    assert tenant is not None and tenant.via is not None  # noqa: S101 - its kind says so
    reference, name = Reference.parse(tenant.via), target.spec.table.name.display
    # a child inherits no foreign key; its rows name those of the same table all the same
    owner = (target.parent or target).spec.table
    keys = _keys(reference, owner)
    if not keys:
        raise ConfigError(
            f"{name}: no foreign key of {reference.column!r} alone is as {tenant.via!r} says.",
            at=target.place,
            hint="ALTER TABLE … ADD FOREIGN KEY …; several columns cannot be followed.",
        )
    lender = known.get(keys[0].table)
    if lender is None:
        raise ConfigError(
            f"{name} finds its tenant via {keys[0].table.display}, which is not audited.",
            at=target.place,
            hint=f"Audit {keys[0].table.display} too, with its tenant: the log must know whose its rows are.",
        )
    if why := _unable(lender.spec, target.spec, keys[0], reference):
        lends = lender.spec.table.name.display
        raise ConfigError(f"{name} cannot find its tenant via {lends}: {why}.", at=target.place)
    return lender


def _unable(lender: CaptureSpec, spec: CaptureSpec, key: ForeignKey, reference: Reference) -> str | None:
    """Why this table cannot lend its tenant; None where it can."""
    table = lender.table
    own, other = (table.by_attnum(lender.key[0]), spec.table.by_attnum(spec.tenant_attnum))
    if len(lender.key) != 1 or own is None or key.targets != (own.name,):
        return f"the key of its events is not {', '.join(key.targets)}"
    if other is None or not _read_the_same(own, other):
        types = " and ".join(column.type_name for column in (own, other) if column)
        return f"values of {types} may be equal and look different"
    if lender.key_is_personal:
        return "its key is personal"
    if not lender.by_column:
        return "no column of it names the tenant"
    if wanted := reference.tenant_column(table.name):
        column = table.by_attnum(lender.tenant_attnum)
        if lender.tenant_kind != "column" or column is None or column.name != wanted:
            return f"it is not declared with tenant = {{ column = {wanted!r} }}"
    if lender.bulk or lender.conditions or not {"insert", "update"} <= set(lender.operations):
        return "not each INSERT and UPDATE of it is recorded by row (bulk, when, operations)"
    return None


def _read_the_same(one: Column, other: Column) -> bool:
    """Whether two values that a foreign key takes for equal have the same text."""
    types = {one.base_type, other.base_type}
    alike = (len(types) == 1 and types <= EXACT) or types <= _INTEGERS or types <= _TEXTS
    return alike and one.deterministic and other.deterministic

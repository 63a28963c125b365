"""Steps for single audited tables: capture, registry and baseline, and the end of it all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pgaudit_kit.catalog import read_tables
from pgaudit_kit.config import TableConfig
from pgaudit_kit.db import Connection
from pgaudit_kit.install.settings import json_constant
from pgaudit_kit.install.tables import declaration
from pgaudit_kit.model import Installation, InstalledObject, RegisteredTable
from pgaudit_kit.names import CAPTURE_FUNCTIONS, Ident
from pgaudit_kit.plan import Change, unit_changes
from pgaudit_kit.render import CaptureSpec, Templates, Unit
from pgaudit_kit.render.capture import smallint, smallints


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table that shall be audited, with what is known of it."""

    declared: TableConfig
    spec: CaptureSpec
    registered: RegisteredTable | None
    parent: Target | None = None
    """The declared table because of which this child of it is audited."""
    place: str | None = None
    """Where it is declared, for errors."""

    @property
    def declaration(self) -> dict[str, Any]:
        """What the registry keeps of the declaration."""
        return declaration(self.declared, self.spec, self.parent.spec.table_id if self.parent else None)

    @property
    def is_late_child(self) -> bool:
        """Whether it joined a table that is audited already, and brings rows that are in no event."""
        audited = self.registered is not None and self.registered.enabled
        parent = self.parent.registered if self.parent else None
        return parent is not None and parent.enabled and not audited


def table_changes(
    templates: Templates,
    installation: Installation,
    target: Target,
    units: list[Unit],
    *,
    baseline: bool,
) -> Iterable[Change]:
    """Functions and triggers of one audited table, its row in the registry, and its baseline."""
    capture = _capture(installation, target, units)
    yield from capture
    schema, spec = Ident(templates.schema).sql, target.spec
    name = spec.table.name
    if not _is_registered(target):
        yield Change(
            op="change" if target.registered else "create",
            kind="registry",
            target=name.display,
            why=_registry_reason(target),
            sql=_register(schema, target),
        )
    yield from _notes(schema, target, capture)
    if baseline or target.is_late_child:
        # nobody asked for a late child's: rows that cannot be read safely are left out of it
        safe = "" if baseline else f" WHERE {schema}.why_unsafe({spec.table.oid}) IS NULL"
        yield Change(
            op="create",
            kind="baseline",
            target=name.display,
            why="an event for each row that is there",
            sql=f"SELECT {schema}.record_baseline({spec.table_id}){safe};\n",
            as_owner=False,
        )


def _capture(installation: Installation, target: Target, units: list[Unit]) -> list[Change]:
    row, spec = target.registered, target.spec
    absent, why = "new", None
    if row is not None and row.enabled:
        absent = "it was missing"
        if row.table_version != spec.table_version:
            why = "the table or its declaration changed"
        if spec.specialised and not row.specialised:
            why = "the table changed; the generic function stands in for the one made for its columns"
    return unit_changes(units, installation.objects, absent=absent, differs=why)


def _notes(schema: str, target: Target, capture: list[Change]) -> Iterable[Change]:
    """Whose the rows are that are there, where other tables find their tenant by them."""
    spec = target.spec
    # where triggers were missing, rows may have come that nobody noted
    absent = any(change.op == "create" or change.kind == "trigger" for change in capture)
    if spec.lends and (absent or not _lent_before(target)):
        yield Change(
            op="create",
            kind="tenants",
            target=spec.table.name.display,
            why="whose each row is, for the tables that find their tenant by it",
            sql=f"SELECT {schema}.note_tenants({spec.table_id});\n",
            as_owner=False,
            blocks=(spec.table.name,),
        )


def _lent_before(target: Target) -> bool:
    row = target.registered
    return row is not None and row.enabled and row.lends


def _registry_reason(target: Target) -> str:
    row, spec = target.registered, target.spec
    if row is None or not row.enabled:
        if target.parent is not None:
            return f"inherits from {target.parent.spec.table.name.display}, which is audited"
        return "audited from now on"
    if row.table_version != spec.table_version:
        return f"its definition changed: version {spec.table_version}"
    if row.declaration != target.declaration:
        return "declared otherwise"
    return "capture is made for its columns again" if spec.specialised else "capture is generic"


def _is_registered(target: Target) -> bool:
    row, spec = target.registered, target.spec
    return (
        row is not None
        and row.enabled
        and row.table_version == spec.table_version
        and row.specialised == spec.specialised
        and row.declaration == target.declaration
    )


def _register(schema: str, target: Target) -> str:
    spec = target.spec
    arguments = [
        str(spec.table_id),
        str(spec.table_version),
        # by OID: the kit's owner need not have USAGE on the table's schema
        f"{spec.table.oid}::oid::regclass",
        json_constant(target.declaration),
        *(smallints(numbers).sql for numbers in (spec.key, spec.excluded, spec.personal)),
        smallint(spec.tenant_attnum).sql,
        smallint(spec.subject_attnum).sql,
        "true" if spec.specialised else "false",
    ]
    return f"SELECT {schema}.register_table({', '.join(arguments)});\n"


def end_changes(conn: Connection, templates: Templates, ended: list[RegisteredTable]) -> Iterable[Change]:
    """These tables leave the registry."""
    schema = Ident(templates.schema).sql
    there = {table.oid for table in read_tables(conn, templates, oids=[row.relation for row in ended])}
    for row in ended:
        why = "no longer declared" if row.relation in there else "the table is gone"
        yield Change(
            op="drop",
            kind="registry",
            target=row.name.display,
            why=f"{why}; its events stay",
            sql=f"SELECT {schema}.unregister_table({row.table_id});\n",
        )


def objects_of(
    conn: Connection,
    templates: Templates,
    installation: Installation,
    targets: list[Target],
    ended: list[RegisteredTable],
) -> tuple[InstalledObject, ...]:
    """The functions and triggers of these tables alone."""
    ids = {target.spec.table_id for target in targets} | {row.table_id for row in ended}
    tables = [target.spec.table for target in targets]
    tables += read_tables(conn, templates, oids=[row.relation for row in ended])
    relations = {name for table in tables for name in (table.name, *table.partitions)}
    functions = {f"tg_{kind}_{table_id}" for kind in CAPTURE_FUNCTIONS for table_id in ids}
    return tuple(
        item
        for item in installation.objects
        if item.id.parent in relations or (item.id.kind == "function" and item.id.name in functions)
    )

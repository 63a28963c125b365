"""From what is declared about a table to what its capture is made of, and back from the registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from pgaudit_kit.config import OPERATIONS, TableConfig, Tenant, When
from pgaudit_kit.errors import AbsentTable, ConfigError, NoPrimaryKey
from pgaudit_kit.model import Column, RegisteredTable, Table
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.reference import Reference
from pgaudit_kit.render import CaptureSpec
from pgaudit_kit.render.bulk import by_statement

_REFUSED = {
    "v": ("a view", "Audit the tables that it reads."),
    "m": ("a materialized view", "Audit the tables that it reads."),
    "f": ("a foreign table", "Audit the table on the server where it is."),
}


def spec_of(
    declared: TableConfig,
    table: Table | None,
    registered: RegisteredTable | None,
    *,
    schema: str,
    table_id: int,
    specialised: bool,
    at: str | None = None,
) -> CaptureSpec:
    """What capturing this table takes. ConfigError (exit 2) says what in the declaration does not fit."""
    table = _usable(declared, table, at)
    key = declared.key or table.primary_key
    if not key:
        raise NoPrimaryKey(f"{table.name.display} has no primary key.", at=at)
    _refuse_excluded_key(declared, table, key, at)
    numbers = _Numbers(table, at)
    tenant_kind, tenant_name = _tenant(declared.tenant)
    draft = CaptureSpec(
        table=table,
        table_id=table_id,
        table_version=0,
        tenant_kind=tenant_kind,
        tenant_name=tenant_name if tenant_kind in ("setting", "value") else None,
        tenant_attnum=_tenant_column(numbers, tenant_kind, tenant_name),
        subject_attnum=numbers.one("subject", declared.subject) if declared.subject else None,
        key=numbers.all("key", key),
        excluded=tuple(sorted(numbers.all("exclude", declared.exclude))),
        personal=tuple(sorted(numbers.all("personal", declared.personal))),
        operations=tuple(operation for operation in OPERATIONS if operation in declared.operations),
        specialised=specialised,
        bulk=declared.bulk,
        by_statement=by_statement(schema, table, declared.operations) if declared.bulk else (),
        conditions=declared.conditions,
        # as far as the registry knows; `lent` looks at all tables
        tenant_parent=registered.lender if registered and tenant_kind == "via" else None,
        lends=registered.lends if registered else False,
    )
    return _with_version(draft, registered)


def _refuse_excluded_key(declared: TableConfig, table: Table, key: tuple[str, ...], at: str | None) -> None:
    if both := sorted(set(key) & set(declared.exclude)):
        raise ConfigError(
            f"{table.name.display}: {both[0]!r} is part of the key; it cannot be left out.",
            at=at,
            hint="What must not stay readable in the log is declared personal.",
        )


def refuse_reserved(name: QualifiedName, kit_schema: str, at: str | None) -> None:
    """Raise ConfigError for the kit's own tables, whose triggers would never end, and the server's."""
    if name.schema == kit_schema:
        raise ConfigError(f"{name.display} belongs to the kit itself; it cannot be audited.", at=at)
    if name.schema in ("pg_catalog", "information_schema", "pg_toast"):
        raise ConfigError(f"{name.display} belongs to the server; it cannot have triggers.", at=at)


def _usable(declared: TableConfig, table: Table | None, at: str | None) -> Table:
    name = declared.table.display
    if table is None:
        raise AbsentTable(f"There is no table {name}.", at=at)
    if table.kind in _REFUSED:
        what, hint = _REFUSED[table.kind]
        raise ConfigError(f"{name} is {what}; it cannot be audited.", at=at, hint=hint)
    if table.persistence == "t":
        raise ConfigError(
            f"{name} is a temporary table; it cannot be audited.",
            at=at,
            hint="It ends with its session. Audit the table that its rows go to.",
        )
    if declared.bulk and (table.kind == "p" or table.related):
        raise ConfigError(
            f"{name} has partitions, children or parents; it cannot be bulk.",
            at=at,
            hint="Statements on a parent fire no triggers of its children for them. Declare it without bulk.",
        )
    return table


class _Numbers:
    """Column names to attnums, with an error that lists what there is."""

    def __init__(self, table: Table, at: str | None) -> None:
        self._table, self._at = table, at

    def one(self, entry: str, name: str | None) -> int:
        column = self._table.column(name or "")
        if column is None:
            known = ", ".join(column.name for column in self._table.columns)
            raise ConfigError(
                f"{self._table.name.display} has no column {name!r} ({entry}).",
                at=self._at,
                hint=f"Its columns are {known}.",
            )
        if column.generated == "v" and entry in ("key", "tenant", "subject"):
            raise ConfigError(
                f"{self._table.name.display}: {name!r} ({entry}) is virtual, triggers do not see it.",
                at=self._at,
                hint="Name a stored column.",
            )
        return column.attnum

    def all(self, entry: str, names: Iterable[str]) -> tuple[int, ...]:
        return tuple(self.one(entry, name) for name in names)


def _tenant_column(numbers: _Numbers, kind: str, name: str | None) -> int | None:
    if kind == "via":
        return numbers.one("tenant", Reference.parse(name or "").column)
    return numbers.one("tenant", name) if kind == "column" else None


def _tenant(tenant: Tenant | None) -> tuple[str, str | None]:
    if tenant is None:
        return "none", None
    for kind in ("column", "setting", "value", "via"):
        if (name := getattr(tenant, kind)) is not None:
            return kind, name
    raise AssertionError("Tenant checks that one is set")


def _with_version(spec: CaptureSpec, registered: RegisteredTable | None) -> CaptureSpec:
    version = 1
    if registered is not None:
        version = registered.table_version + (0 if _same_definition(spec, registered) else 1)
    values = {name: getattr(spec, name) for name in CaptureSpec.__dataclass_fields__}
    return CaptureSpec(**(values | {"table_version": version}))


def _same_definition(spec: CaptureSpec, registered: RegisteredTable) -> bool:
    return (
        registered.fingerprint == spec.table.fingerprint
        and registered.name == spec.table.name
        and registered.key_attnums == spec.key
        and registered.excluded_attnums == spec.excluded
        and registered.personal_attnums == spec.personal
        and registered.bulk == spec.bulk
    )


def declaration(
    declared: TableConfig, spec: CaptureSpec, inherited_from: int | None = None
) -> dict[str, Any]:
    """What the registry and the control event keep of the declaration."""
    kind, name = _tenant(declared.tenant)
    inherited: dict[str, Any] = {} if inherited_from is None else {"inherited_from": inherited_from}
    if spec.lends:
        inherited["lends"] = True
    tenant: dict[str, Any] = {"kind": kind, "name": name}
    if kind == "via":
        tenant["parent"] = spec.tenant_parent
    return (
        inherited
        | _conditions(declared)
        | {
            "tenant": tenant,
            "exclude": list(declared.exclude),
            "personal": list(declared.personal),
            "subject": declared.subject,
            "operations": list(spec.operations),
            "key": list(declared.key),
            "bulk": declared.bulk,
        }
    )


def _conditions(declared: TableConfig) -> dict[str, Any]:
    """What was declared, as it was, and what it means for a row that is there when auditing begins."""
    if declared.when is None:
        return {}
    found: dict[str, Any] = {"when": msgspec.to_builtins(declared.when)}
    if declared.conditions.insert is not None:
        found["baseline_when"] = declared.conditions.insert.over({"NEW": "t", "OLD": "t"})
    return found


def from_registry(registered: RegisteredTable, table: Table) -> TableConfig:
    """The declaration of a registered table, with the names that its columns have now."""
    said = registered.declaration

    def names(attnums: Iterable[int]) -> tuple[str, ...]:
        columns = (column(attnum) for attnum in attnums)
        return tuple(found.name for found in columns if found is not None)

    def column(attnum: int | None) -> Column | None:
        return table.by_attnum(registered.current_attnum(table, attnum))

    kind, name = said["tenant"]["kind"], said["tenant"]["name"]
    if kind == "column":
        tenant = column(registered.tenant_attnum)
        name = tenant.name if tenant else name
    if kind == "via" and (tenant := column(registered.tenant_attnum)):
        name = Reference.parse(name).of_column(tenant.name)
    subject = column(registered.subject_attnum)
    return TableConfig(
        name=table.name.display,
        tenant=None if kind == "none" else Tenant(**{kind: name}),
        exclude=names(registered.excluded_attnums),
        personal=names(registered.personal_attnums),
        subject=subject.name if subject else None,
        operations=tuple(said["operations"]),
        key=names(registered.key_attnums) if said["key"] else (),
        bulk=registered.bulk,
        when=_when(said.get("when")),
    )


def _when(said: str | dict[str, str] | None) -> str | When | None:
    return When(**said) if isinstance(said, dict) else said


def registered_for(table: Table | None, registered: Iterable[RegisteredTable]) -> RegisteredTable | None:
    """The registry's row of this very table; one of the same name that was dropped is another."""
    if table is None:
        return None
    rows = [row for row in registered if row.relation == table.oid]
    return max(rows, key=lambda row: (row.enabled, row.table_id), default=None)


def display_names(names: Iterable[QualifiedName]) -> str:
    """`public.a, public.b`."""
    return ", ".join(name.display for name in names)

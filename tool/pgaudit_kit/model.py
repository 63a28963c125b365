"""What the kit knows of a database: tables and columns as they are, what is registered, what is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pgaudit_kit.condition import Conditions
from pgaudit_kit.names import QualifiedName

ColumnKind = Literal["plain", "json", "text"]
"""How a value becomes JSON: `plain` by to_jsonb, `json` as a string, `text` by its output function alone."""
ColumnSize = Literal["small", "flat", "deep"]
"""How much text a value may give: a little, about as much as it takes, a lot more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table, its type seen through domains."""

    attnum: int
    name: str
    type_name: str
    base_type: int
    """OID of the type below any domains."""
    kind: ColumnKind
    deterministic: bool
    """False under a collation that takes different texts for equal."""
    size: ColumnSize
    generated: str
    """'' none, 's' stored, 'v' virtual (PostgreSQL 18)."""


@dataclass(frozen=True, slots=True)
class AfterTrigger:
    """A trigger of the application that fires after a change."""

    name: str
    by_row: bool
    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns that name a row of another table."""

    columns: tuple[str, ...]
    table: QualifiedName
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that is or may be audited."""

    oid: int
    name: QualifiedName
    kind: str
    """pg_class.relkind: r table, p partitioned table, v view, m materialized view, f foreign table."""
    persistence: str
    """pg_class.relpersistence: p permanent, u unlogged, t temporary."""
    fingerprint: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    partitions: tuple[QualifiedName, ...]
    """All partitions below it, at every level."""
    partitioner: str | None = None
    """Who makes its partitions and is no superuser: the owner of a partitioned table."""
    related: bool = False
    """Whether it is a partition, or inherits, or is inherited from."""
    triggers: tuple[AfterTrigger, ...] = ()
    """AFTER triggers that are not the kit's."""
    foreign_keys: tuple[ForeignKey, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of this name."""
        return next((column for column in self.columns if column.name == name), None)

    def by_attnum(self, attnum: int | None) -> Column | None:
        """The column of this number."""
        return next((column for column in self.columns if column.attnum == attnum), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredTable:
    """A row of audit.audited_tables with its newest row of audit.table_versions."""

    table_id: int
    relation: int
    enabled: bool
    table_version: int
    declaration: dict[str, Any]
    key_attnums: tuple[int, ...]
    excluded_attnums: tuple[int, ...]
    personal_attnums: tuple[int, ...]
    tenant_attnum: int | None
    subject_attnum: int | None
    specialised: bool
    fingerprint: str
    name: QualifiedName
    """Its name as of that version."""
    numbers: dict[str, int]
    """Its columns' attnums as of that version, by name."""

    @property
    def bulk(self) -> bool:
        """Whether INSERT and DELETE are recorded by statement."""
        return bool(self.declaration.get("bulk"))

    @property
    def lender(self) -> int | None:
        """The audited table by which it finds its tenant."""
        found: int | None = self.declaration["tenant"].get("parent")
        return found

    @property
    def lends(self) -> bool:
        """Whether other tables find their tenant by it."""
        return bool(self.declaration.get("lends"))

    @property
    def conditions(self) -> Conditions:
        """What is asked before a change is recorded."""
        said = self.declaration.get("when")
        if isinstance(said, str):
            return Conditions.one(said)
        return Conditions.each(**{name: (said or {}).get(name) for name in ("insert", "update", "delete")})

    def current_attnum(self, table: Table, attnum: int | None) -> int | None:
        """The number that a registered column has now; says what sql/functions/current_attnums.sql says."""
        name = next((name for name, number in self.numbers.items() if number == attnum), None)
        found = table.column(name) if name is not None else None
        if found is None:
            return attnum
        renamed = found.attnum > max(self.numbers.values()) and table.by_attnum(attnum) is not None
        return attnum if renamed else found.attnum


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """An object of the kit within a database."""

    kind: str
    """function, view, policy, trigger or event trigger."""
    name: str
    parent: QualifiedName | None = None
    """The table of a policy or trigger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledObject:
    """An object as the catalogs have it."""

    id: ObjectId
    definition: str
    """Everything about it that counts, as one text: drift shows in its digest."""
    comment: str | None
    target: str
    """How COMMENT ON and DROP name it, after the kind."""
    server: int = 0
    """Major version of the server that printed the definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is there of the kit."""

    schema_exists: bool
    revision: str | None
    """The Alembic revision of its tables; None where there are none."""
    objects: tuple[InstalledObject, ...]
    settings: dict[str, Any]
    registered: tuple[RegisteredTable, ...]
    missing_roles: tuple[str, ...]
    event_triggers_allowed: bool

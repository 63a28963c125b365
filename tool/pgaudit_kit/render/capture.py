"""Capture functions and triggers of one audited table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from pgaudit_kit import names
from pgaudit_kit.condition import ALWAYS, Conditions
from pgaudit_kit.model import ObjectId, Table
from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.render.bulk import bulk_units
from pgaudit_kit.render.columns import (
    RowSql,
    column_changes,
    fixed_tenant,
    is_quick,
    lent_differs,
    tenant_differs,
    update_fits,
    via_tenant,
)
from pgaudit_kit.render.templates import Sql, Templates
from pgaudit_kit.render.types import pins
from pgaudit_kit.render.units import Unit, function_unit

ROW_OPERATIONS = ("insert", "update", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSpec:
    """An audited table with everything that its configuration says, columns by number."""

    table: Table
    table_id: int
    table_version: int
    tenant_kind: str
    """none, column, setting, value or via."""
    tenant_name: str | None
    """The setting or the value."""
    tenant_attnum: int | None
    """The column that names the tenant, or the row of another table whose tenant it is."""
    subject_attnum: int | None
    key: tuple[int, ...]
    excluded: tuple[int, ...]
    personal: tuple[int, ...]
    operations: tuple[str, ...]
    specialised: bool
    """False where no event trigger would swap a function made for the columns as they are."""
    bulk: bool = False
    """Whether INSERT and DELETE may be recorded by statement."""
    by_statement: tuple[str, ...] = ()
    """The operations that are."""
    conditions: Conditions = ALWAYS
    """What is asked before a change is recorded."""
    tenant_parent: int | None = None
    """The audited table whose row the tenant column names, where the tenant comes `via` it."""
    lends: bool = False
    """Whether other tables find their tenant by this one."""

    @property
    def row_operations(self) -> tuple[str, ...]:
        """What is recorded by row."""
        wanted = set(self.operations) - set(self.by_statement)
        return tuple(operation for operation in ROW_OPERATIONS if operation in wanted)

    @property
    def by_column(self) -> bool:
        """Whether a change of one column is a change of the tenant."""
        return self.tenant_kind in ("column", "via")

    @property
    def crosses(self) -> bool:
        """Whether an update can lead a row into what is recorded, or out of it."""
        return self.conditions.crosses and "update" in self.row_operations

    @property
    def key_is_personal(self) -> bool:
        """Whether the key itself must be kept where erasure can reach it."""
        return bool(set(self.key) & set(self.personal))


def capture_units(templates: Templates, spec: CaptureSpec) -> list[Unit]:
    """The functions of the table, then its triggers."""
    units = []
    capture = f"tg_capture_{spec.table_id}"
    if spec.row_operations:
        if spec.specialised:
            units.append(_function(templates, spec, f"tg_generic_{spec.table_id}", generic=True))
        units.append(_function(templates, spec, capture, generic=not spec.specialised))
        units += _row_triggers(templates.schema, spec, capture)
    units += bulk_units(templates, spec, _common_values(templates.schema, spec) | {"shape": _shape_sql(spec)})
    if "truncate" in spec.operations:
        for relation in (spec.table.name, *spec.table.partitions):
            units += _truncate_triggers(templates.schema, spec, relation)
    return units


def _function(templates: Templates, spec: CaptureSpec, name: str, *, generic: bool) -> Unit:
    path = f"triggers/capture{'_generic' if generic else ''}.sql"
    values = _common_values(templates.schema, spec)
    values["guarded"] = spec.specialised  # whether a DDL watch puts its columns into it
    values["partitioned"] = spec.table.kind == "p"
    values["notes_key"] = generic and spec.lends
    maker = spec.table.partitioner if name.startswith("tg_capture_") else None
    values["partitioner"] = Ident(maker) if maker else None
    if not generic:
        values |= _specialised_values(templates.schema, spec)
    return function_unit(templates, path, name, values)


def _common_values(schema: str, spec: CaptureSpec) -> dict[str, Any]:
    return {
        "table_id": Literal(spec.table_id),
        "table_name": Literal(spec.table.name.display),
        "other_trigger": _other_trigger(schema, spec),
        "crosses": spec.crosses,
        "tenant_moves": spec.by_column,
        "generic_before": _generic_tenant_of(schema, spec, "v_tenant"),
        "generic_after": _generic_tenant_of(schema, spec, "v_tenant_after"),
        "table_version": Literal(spec.table_version),
        "key_attnums": smallints(spec.key),
        "key_count": Literal(len(spec.key)),
        "excluded_attnums": smallints(spec.excluded),
        "personal_attnums": smallints(spec.personal),
        "tenant_attnum": smallint(spec.tenant_attnum),
        "subject_attnum": smallint(spec.subject_attnum),
        "numbers": Sql(f"{Literal(msgspec.json.encode(_numbers(spec)).decode()).sql}::jsonb"),
        "highest": smallint(max(column.attnum for column in spec.table.columns)),
        "capture_function": Literal(QualifiedName(schema, f"tg_capture_{spec.table_id}").sql),
        "key_is_personal": Literal(spec.key_is_personal),
        "generic_tenant": _generic_tenant(schema, spec),
        "comment": Literal(f"Records row changes of audited table {spec.table_id}."),
    }


def _numbers(spec: CaptureSpec) -> dict[str, int]:
    """The numbers of the columns that the generic function knows by number."""
    known = {*spec.key, *spec.excluded, *spec.personal, spec.tenant_attnum, spec.subject_attnum}
    return {column.name: column.attnum for column in spec.table.columns if column.attnum in known}


def _specialised_values(schema: str, spec: CaptureSpec) -> dict[str, Any]:
    old, new = RowSql(schema, spec, "OLD"), RowSql(schema, spec, "NEW")
    columns = column_changes(spec)
    return {
        "pins": pins(spec.table),
        "shape": _shape_sql(spec),
        "old": old,
        "new": new,
        "columns": columns,
        "may_look_equal": any(column.may_look_equal for column in columns),
        "moves": spec.by_column or spec.crosses,
        "via": spec.tenant_kind == "via",
        "lends": spec.lends,
        "lent": lent_differs(spec),
        "personal": bool(spec.personal),
        "subject": spec.subject_attnum is not None,
        "simple": not spec.personal,
        "quick": is_quick(spec),
        "update_fits": update_fits(spec),
        "tenant_differs": tenant_differs(spec),
        "no_context": Sql(
            f"(current_setting({Literal(names.context_setting(schema)).sql}, true) <> '') IS NOT TRUE"
        ),
    }


def _shape_sql(spec: CaptureSpec) -> Sql:
    return Sql(f"{Literal(msgspec.json.encode(_shape(spec)).decode()).sql}::jsonb")


def _shape(spec: CaptureSpec) -> dict[str, Any]:
    """What the function capture_shape says, as far as capture_query asks."""

    def name(attnum: int | None) -> str | None:
        column = spec.table.by_attnum(attnum)
        return column.name if column else None

    return {
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "size": column.size,
                "recorded": column.attnum not in spec.excluded,
                "personal": column.attnum in spec.personal,
            }
            for column in spec.table.columns
            if column.generated != "v"
        ],
        "key": [name(attnum) for attnum in spec.key],
        "key_count": len(spec.key),
        "tenant": name(spec.tenant_attnum),
        "subject": name(spec.subject_attnum),
    }


def _generic_tenant(schema: str, spec: CaptureSpec) -> Sql:
    if spec.by_column:
        return _generic_tenant_of(schema, spec, "v_tenant")
    return fixed_tenant(schema, spec)


def _generic_tenant_of(schema: str, spec: CaptureSpec, text: str) -> Sql:
    """The tenant as the log names it, from the text of the tenant's column."""
    if spec.tenant_kind == "via":
        return via_tenant(schema, spec, text)
    return Sql(f"{QualifiedName(schema, 'stored_tenant').sql}({text})")


def row_trigger_kinds(conditions: Conditions, operations: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """The row triggers by kind: their operations and their WHEN, empty where all is recorded."""
    always = [name for name in operations if not conditions.when(name)]
    kinds = {"row": (" OR ".join(name.upper() for name in always), "")} if always else {}
    for operation in operations:
        for kind, condition in conditions.when(operation):
            kinds[f"row_{kind}"] = (operation.upper(), condition)
    return kinds


def _row_triggers(schema: str, spec: CaptureSpec, function: str) -> list[Unit]:
    return [
        _row_trigger(schema, spec, function, kind, events, condition)
        for kind, (events, condition) in row_trigger_kinds(spec.conditions, spec.row_operations).items()
    ]


def _row_trigger(
    schema: str, spec: CaptureSpec, function: str, kind: str, events: str, condition: str
) -> Unit:
    name = names.trigger_name(schema, kind)
    trigger, table = Ident(name).sql, spec.table.name.sql
    when = f" WHEN ({condition})\n" if condition else " "
    # the function is told what its images alone do not say
    said = Literal(kind.removeprefix("row_")).sql if kind in ("row_enters", "row_leaves") else ""
    sql = (
        f"CREATE OR REPLACE TRIGGER {trigger}\nAFTER {events} ON {table}\n"
        f"FOR EACH ROW{when}EXECUTE FUNCTION {QualifiedName(schema, function).sql}({said});\n"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger};\n"
    )
    return Unit(path="", objects=(ObjectId("trigger", name, spec.table.name),), sql=sql, as_owner=False)


def _other_trigger(schema: str, spec: CaptureSpec) -> Sql:
    own = [
        Literal(names.trigger_name(schema, kind)).sql
        for kind in row_trigger_kinds(spec.conditions, spec.row_operations)
    ]
    return Sql(f"TG_NAME <> {own[0]}" if len(own) == 1 else f"TG_NAME NOT IN ({', '.join(own)})")


def _truncate_triggers(schema: str, spec: CaptureSpec, relation: QualifiedName) -> list[Unit]:
    kinds = [("truncate", "AFTER")]
    if spec.table.kind == "p":
        kinds.append(("truncate_before", "BEFORE"))  # clears marks, see tg_truncate
    units = []
    for kind, when in kinds:
        name = names.trigger_name(schema, kind)
        trigger = Ident(name).sql
        sql = (
            f"CREATE OR REPLACE TRIGGER {trigger}\n{when} TRUNCATE ON {relation.sql}\n"
            f"FOR EACH STATEMENT EXECUTE FUNCTION {QualifiedName(schema, 'tg_truncate').sql}"
            f"({Literal(str(spec.table_id)).sql});\n"
            f"ALTER TABLE {relation.sql} ENABLE ALWAYS TRIGGER {trigger};\n"
        )
        units.append(Unit(path="", objects=(ObjectId("trigger", name, relation),), sql=sql, as_owner=False))
    return units


def smallints(values: tuple[int, ...]) -> Sql:
    """A constant of type smallint[]."""
    return Sql(f"'{{{','.join(str(int(value)) for value in values)}}}'::smallint[]")


def smallint(value: int | None) -> Sql:
    """A constant of type smallint."""
    return Sql("NULL::smallint" if value is None else f"{int(value)}::smallint")

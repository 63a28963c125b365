"""Capture by statement for tables declared `bulk`: one function, and triggers for INSERT and DELETE.

UPDATE stays by row: nothing in a transition table says which old row became which new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pgaudit_kit import names
from pgaudit_kit.model import ObjectId, Table
from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.render.columns import RowSql, recorded_columns
from pgaudit_kit.render.templates import Templates
from pgaudit_kit.render.types import pins
from pgaudit_kit.render.units import Unit, function_unit

if TYPE_CHECKING:
    from pgaudit_kit.render.capture import CaptureSpec

BULK_OPERATIONS = {"insert": "NEW", "delete": "OLD"}
"""Operations recorded by statement, and which transition table holds their rows."""
TRANSITION = "changed_rows"
_ROW = "r"


def forerunners(schema: str, table: Table, operation: str) -> list[str]:
    """Application triggers that fire before the statement's rows are recorded.

    What they change of the same rows would stand in the log before the rows themselves.
    """
    own = names.trigger_name(schema, f"bulk_{operation}").encode()
    return [
        trigger.name
        for trigger in table.triggers
        if operation in trigger.operations and (trigger.by_row or trigger.name.encode() < own)
    ]


def by_statement(schema: str, table: Table, operations: Iterable[str]) -> tuple[str, ...]:
    """Those of the operations on a bulk table that are recorded by statement."""
    wanted = set(operations)
    return tuple(name for name in BULK_OPERATIONS if name in wanted and not forerunners(schema, table, name))


def kept_by_row(schema: str, table: Table, operations: Iterable[str]) -> list[str]:
    """What is to be said of operations on a bulk table that are recorded by row all the same."""
    wanted = set(operations)
    return [
        f"{table.name.display} is bulk, but {operation.upper()} is recorded by row: what application trigger"
        f" {found[0]} changes of the same rows would stand in the log before them."
        for operation in BULK_OPERATIONS
        if operation in wanted and (found := forerunners(schema, table, operation))
    ]


def bulk_units(templates: Templates, spec: CaptureSpec, values: dict[str, Any]) -> list[Unit]:
    """The functions, then the triggers; `values` are those that all capture functions share."""
    if not spec.by_statement:
        return []
    name = f"tg_bulk_{spec.table_id}"
    values = values | {
        "guarded": spec.specialised,
        "comment": Literal(f"Records statements on audited table {spec.table_id}."),
    }
    units = []
    if spec.specialised:
        units.append(
            function_unit(
                templates, "triggers/capture_bulk_generic.sql", f"tg_bulk_generic_{spec.table_id}", values
            )
        )
        units.append(
            function_unit(
                templates,
                "triggers/capture_bulk.sql",
                name,
                values | _specialised_values(templates.schema, spec),
            )
        )
    else:
        units.append(function_unit(templates, "triggers/capture_bulk_generic.sql", name, values))
    return units + [_trigger(templates.schema, spec, operation, name) for operation in spec.by_statement]


def _specialised_values(schema: str, spec: CaptureSpec) -> dict[str, Any]:
    return {
        "pins": pins(spec.table),
        # `r` alone would be the column of that name, where the table has one
        "row": RowSql(schema, spec, _ROW, whole=f"{_ROW}.*"),
        "tenant_is_column": spec.by_column,
        "personal": any(column.attnum in spec.personal for column in recorded_columns(spec)),
        "key_personal": spec.key_is_personal,
        "subject": spec.subject_attnum is not None,
    }


def _trigger(schema: str, spec: CaptureSpec, operation: str, function: str) -> Unit:
    name = names.trigger_name(schema, f"bulk_{operation}")
    trigger, table = Ident(name).sql, spec.table.name.sql
    sql = (
        f"CREATE OR REPLACE TRIGGER {trigger}\nAFTER {operation.upper()} ON {table}\n"
        f"REFERENCING {BULK_OPERATIONS[operation]} TABLE AS {TRANSITION}\n"
        f"FOR EACH STATEMENT EXECUTE FUNCTION {QualifiedName(schema, function).sql}();\n"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger};\n"
    )
    return Unit(path="", objects=(ObjectId("trigger", name, spec.table.name),), sql=sql, as_owner=False)

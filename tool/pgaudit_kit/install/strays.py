"""What weakens the kit's own tables: grants, switched-off row security, triggers and rules of others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg.rows import class_row

from pgaudit_kit.db import Connection
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.plan import Change, Operation
from pgaudit_kit.render import Templates, Unit
from pgaudit_kit.render.templates import text_array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stray:
    op: Operation
    kind: str
    target: str
    why: str
    statement: str
    as_owner: bool
    blocks: list[str] | None
    """Schema and name of the table that is locked."""


def stray_changes(conn: Connection, templates: Templates, units: Iterable[Unit]) -> list[Change]:
    """A step that mends each; none where the kit is not installed."""
    policies = [item for unit in units for item in unit.objects if item.kind == "policy"]
    viewed = [item.parent.name for item in policies if item.parent and item.name.endswith("_select_view")]
    query = templates.render("queries/strays.sql", {"viewed": text_array(viewed)})
    with conn.cursor(row_factory=class_row(_Stray)) as cursor:
        strays = cursor.execute(query.encode()).fetchall()
    return [
        Change(
            op=stray.op,
            kind=stray.kind,
            target=stray.target,
            why=stray.why,
            sql=f"{stray.statement};\n",
            as_owner=stray.as_owner,
            blocks=(QualifiedName(*stray.blocks),) if stray.blocks else (),
        )
        for stray in strays
    ]

"""What is below the audited tables: inheritance children are audited too, partitions come and go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from psycopg.rows import dict_row

from pgaudit_kit.catalog import read_tables
from pgaudit_kit.config import TableConfig
from pgaudit_kit.db import Connection
from pgaudit_kit.model import Installation, RegisteredTable
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.plan import Change
from pgaudit_kit.render import Templates

KIND = "descendants"
"""Of the steps that note what came and went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A table that shall be audited, and why."""

    config: TableConfig
    place: str | None
    """Where it is declared, for errors."""
    heir_of: QualifiedName | None = None
    """The declared table from which it inherits; None where it is declared itself."""


def inherited_from(row: RegisteredTable) -> int | None:
    """The audited table because of which this child is audited."""
    found: int | None = row.declaration.get("inherited_from")
    return found


def with_children(
    conn: Connection, templates: Templates, declared: list[Declared], taken: Iterable[QualifiedName] = ()
) -> list[Declared]:
    """The same and all their inheritance children, each as the table above it is declared.

    UPDATE of a parent changes its children's rows, whose triggers alone fire. Children that are declared
    themselves, or are in `taken`, stay as they are; of several parents the first declared counts.
    """
    seen = {item.config.table for item in declared} | set(taken)
    wanted = list(declared)
    for item in wanted:  # grows: children have children
        for table in read_tables(conn, templates, [item.config.table]):
            key = item.config.key or table.primary_key  # a child has no primary key of its own
            for child in _children(conn, templates, table.oid):
                if child not in seen:
                    seen.add(child)
                    config = msgspec.structs.replace(item.config, name=child.display, key=key)
                    top = item.heir_of or item.config.table
                    wanted.append(Declared(config=config, place=item.place, heir_of=top))
    return wanted


def child_names(conn: Connection, templates: Templates, names: Iterable[QualifiedName]) -> set[QualifiedName]:
    """All inheritance children of these tables."""
    found: set[QualifiedName] = set()
    waiting = list(names)
    while waiting:
        tables = read_tables(conn, templates, waiting)
        waiting = [c for table in tables for c in _children(conn, templates, table.oid) if c not in found]
        found.update(waiting)
    return found


def _children(conn: Connection, templates: Templates, oid: int) -> list[QualifiedName]:
    query = templates.render("queries/children.sql").encode()
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, {"oids": [oid]}).fetchall()
    return [QualifiedName(row["schema"], row["name"]) for row in rows]


def descendant_changes(
    conn: Connection, templates: Templates, installation: Installation, table_ids: Iterable[int]
) -> list[Change]:
    """A step for each of these tables below which something came or went that the log does not tell yet."""
    if installation.revision is None:
        return []
    schema = Ident(templates.schema).sql
    query = templates.render("queries/descendants.sql").encode()
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, {}).fetchall()
    names = {row.table_id: row.name for row in installation.registered}
    found: dict[int, dict[str, list[str]]] = {}
    for row in rows:
        found.setdefault(row["table_id"], {}).setdefault(row["what"], []).append(row["name"])
    wanted = set(table_ids)
    return [
        Change(
            op="change",
            kind=KIND,
            target=names[table_id].display,
            why="; ".join(f"{what}: {', '.join(below)}" for what, below in said.items()),
            sql=(
                f'SELECT {schema}.record_descendants({table_id}, \'{{"command": "apply"}}\');\n'
                f'SELECT {schema}.record_attached(d.table_id, d.relation, \'{{"command": "apply"}}\')\n'
                f"FROM {schema}.descendants AS d WHERE d.table_id = {table_id} AND d.baseline_due;\n"
            ),
            as_owner=False,
        )
        for table_id, said in found.items()
        if table_id in wanted
    ]

"""The table to measure: what it is, how it is or would be audited, and what of it may be copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from pgaudit_kit.catalog import event_triggers_allowed, read_installation, read_tables
from pgaudit_kit.config import Config, TableConfig
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import InsufficientPrivilege, Refused
from pgaudit_kit.install.settings import Settings
from pgaudit_kit.install.tables import from_registry, refuse_reserved, registered_for, spec_of
from pgaudit_kit.model import Installation, Table
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.render import CaptureSpec, Templates
from pgaudit_kit.render.bulk import kept_by_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What sql/queries/bench/source.sql tells."""

    reader: str
    database: str
    superuser: bool
    may_create: bool
    may_read: bool
    row_security: bool
    publication: str | None
    """One that publishes all tables, whatever they are."""
    partition_key: str | None
    foreign_partitions: bool
    untrusted: dict[str, str] | None
    """A function that its rows or a copy of it would run, and whose it is."""
    columns: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The table, its declaration, and where that stands."""

    table: Table
    facts: Facts
    declared: TableConfig
    declared_in: str
    settings: Settings
    spec: CaptureSpec
    notes: tuple[str, ...]

    @property
    def unreadable(self) -> str | None:
        """Why its rows are not read; None where they may be."""
        facts, name = self.facts, self.table.name.display
        if facts.untrusted:
            function, owner = facts.untrusted["function"], facts.untrusted["owner"]
            return (
                f"{name} uses {function}, which belongs to {owner} and would run with your rights."
                f" Connect as {owner} to measure with its rows."
            )
        if facts.row_security:
            return f"{name} has row security. Connect as its owner to measure with its rows."
        if facts.foreign_partitions:
            return f"{name} has foreign partitions, whose rows lie elsewhere."
        return None


def read_source(
    conn: Connection, schema: str, name: QualifiedName, config: Config | None, place: str | None
) -> Source:
    """Look the table up. Raises ConfigError where it cannot be audited, InsufficientPrivilege."""
    templates = Templates(schema)
    refuse_reserved(name, schema, None)
    table = next(iter(read_tables(conn, templates, [name])), None)
    installation, notes = _installation(conn, templates)
    declared, declared_in = _declared(name, table, installation, config, place)
    specialised = (
        installation.event_triggers_allowed if installation is not None else event_triggers_allowed(conn)
    )
    spec = spec_of(declared, table, None, schema=schema, table_id=1, specialised=specialised)
    facts = _facts(conn, templates, spec.table.oid)
    _refuse_unable(facts, name)
    return Source(
        table=spec.table,
        facts=facts,
        declared=declared,
        declared_in=declared_in,
        settings=Settings.of(config, installation or NOTHING),
        spec=spec,
        notes=(*notes, *(kept_by_row(schema, spec.table, spec.operations) if spec.bulk else ())),
    )


NOTHING = Installation(
    schema_exists=False,
    revision=None,
    objects=(),
    settings={},
    registered=(),
    missing_roles=(),
    event_triggers_allowed=False,
)
"""A schema in which there is nothing yet."""


def _installation(conn: Connection, templates: Templates) -> tuple[Installation | None, tuple[str, ...]]:
    """What is installed, as far as this role may see it."""
    try:
        return read_installation(conn, templates), ()
    except psycopg.errors.InsufficientPrivilege:
        note = f"This role may not read what is declared in schema {templates.schema}."
        return None, (note,)


def _declared(
    name: QualifiedName,
    table: Table | None,
    installation: Installation | None,
    config: Config | None,
    place: str | None,
) -> tuple[TableConfig, str]:
    """The declaration: the file's, else the registry's, else one that says nothing but the name."""
    for item in config.tables if config is not None else ():
        if item.table == name:
            return item, place or "the configuration"
    row = registered_for(table, installation.registered) if installation else None
    if table is not None and row is not None and row.enabled:
        return from_registry(row, table), "the database"
    return TableConfig(name=name.display), "nowhere"


def _facts(conn: Connection, templates: Templates, oid: int) -> Facts:
    query = templates.render("queries/bench/source.sql").encode()
    with conn.cursor(row_factory=class_row(Facts)) as cursor:
        found = cursor.execute(query, {"oid": oid}).fetchone()
    assert found is not None  # noqa: S101 - the table is there, and so is the role
    return found


def _refuse_unable(facts: Facts, name: QualifiedName) -> None:
    role = Ident(facts.reader).sql
    if not facts.may_create:
        raise InsufficientPrivilege(
            f"{facts.reader} may not make schemas in this database, and measuring takes two of them.",
            hint=f"GRANT CREATE ON DATABASE {Ident(facts.database).sql} TO {role};",
        )
    if facts.publication is not None:
        raise Refused(
            f"Publication {facts.publication} publishes all tables, so the copies too: subscriptions would"
            " stop at tables that they lack.",
            hint="Measure in a database without it, such as a restored copy of this one.",
        )
    if not facts.may_read:
        raise InsufficientPrivilege(
            f"{facts.reader} may not read {name.display}, and measuring takes a sample of its rows.",
            hint=f"GRANT SELECT ON {name.sql} TO {role}; and USAGE on its schema.",
        )

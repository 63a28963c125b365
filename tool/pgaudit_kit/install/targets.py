"""From declarations to what shall be audited, each checked against the table as it is."""

from __future__ import annotations

from collections.abc import Iterable

from pgaudit_kit.catalog import dropped_names, read_tables, renamed_to
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import AbsentTable
from pgaudit_kit.install.audited import Target
from pgaudit_kit.install.conditions import refuse_unfit
from pgaudit_kit.install.descendants import Declared
from pgaudit_kit.install.lenders import lent
from pgaudit_kit.install.tables import refuse_reserved, registered_for, spec_of
from pgaudit_kit.model import Installation, RegisteredTable
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render import Templates


def resolve(
    conn: Connection,
    templates: Templates,
    installation: Installation,
    declared: list[Declared],
    others: Iterable[RegisteredTable] = (),
) -> list[Target]:
    """The declared tables; `others` are audited and stay as they are.

    ConfigError (exit 2) says which does not fit the database.
    """
    tables = {t.name: t for t in read_tables(conn, templates, [item.config.table for item in declared])}
    next_id = max((row.table_id for row in installation.registered), default=0) + 1
    targets: dict[QualifiedName, Target] = {}
    for item in declared:
        name, place = item.config.table, item.place
        refuse_reserved(name, templates.schema, place)
        table = tables.get(name)
        if table is None:
            _say_where_it_went(conn, templates, installation, item)
        registered = registered_for(table, installation.registered)
        spec = spec_of(
            item.config,
            table,
            registered,
            schema=templates.schema,
            table_id=registered.table_id if registered else next_id,
            specialised=installation.event_triggers_allowed,
            at=place,
        )
        refuse_unfit(conn, templates, spec, registered, place)
        next_id += registered is None
        targets[name] = Target(
            declared=item.config,
            spec=spec,
            registered=registered,
            parent=targets[item.heir_of] if item.heir_of else None,
            place=place,
        )
    return lent(list(targets.values()), others)


def _say_where_it_went(
    conn: Connection, templates: Templates, installation: Installation, item: Declared
) -> None:
    """Raise AbsentTable where the log knows what became of the table."""
    name, place = item.config.table, item.place
    if now := renamed_to(conn, templates, installation, name):
        raise AbsentTable(
            f"There is no table {name.display}.", at=place, hint=f"It is called {now.display} now."
        )
    if name in dropped_names(installation):
        raise AbsentTable(
            f"{name.display} was dropped while it was audited.",
            at=place,
            hint=f"Its events stay. `pgaudit-kit disable {name.display}` takes it out of the file.",
        )

"""The kit in a scratch schema: what it takes to record one table, owned as it would be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from pgaudit_kit.bench.scratch import Scratch, close_to_others
from pgaudit_kit.bench.source import NOTHING, Source
from pgaudit_kit.catalog import read_tables
from pgaudit_kit.db import Connection
from pgaudit_kit.install.audited import Target, table_changes
from pgaudit_kit.install.build import foundation
from pgaudit_kit.install.locks import become
from pgaudit_kit.install.settings import Settings, setting_changes
from pgaudit_kit.install.tables import spec_of
from pgaudit_kit.plan import Change, unit_changes
from pgaudit_kit.render import Roles, Templates, capture_units, kit_units


def scratch_templates(scratch: Scratch, source: Source) -> Templates:
    """As the kit would be installed, with one role in the place of all: the cluster's own stay untouched.

    A superuser's own would pass by row security, which every event passes through; so he makes a role. Any
    other role is as good as the kit's owner.
    """
    owner = scratch.name if source.facts.superuser else source.facts.reader
    return Templates(
        scratch.log,
        roles=Roles(**dict.fromkeys(Roles.__dataclass_fields__, owner)),
        personal_context=source.settings.context.personal,
        actions=source.settings.actions,
    )


def install(conn: Connection, scratch: Scratch, source: Source) -> None:
    """Install it and audit the copy, in a transaction of the caller's.

    Without the DDL watch, which would take part in everybody's DDL; nobody alters the copies.
    """
    templates = scratch_templates(scratch, source)
    partitions = msgspec.structs.replace(source.settings.partitions, manager="native", premake=1)
    settings = Settings(
        partitions=partitions, context=source.settings.context, actions=source.settings.actions
    )
    _run(
        conn,
        templates,
        [
            *(change for change in foundation(templates, NOTHING) if change.kind != "role"),
            *unit_changes(kit_units(templates, event_triggers=False), ()),
            *setting_changes(templates, NOTHING, settings),
        ],
    )
    _run(conn, templates, _capture(conn, templates, scratch, source))
    close_to_others(conn, scratch.log)


def _capture(conn: Connection, templates: Templates, scratch: Scratch, source: Source) -> Iterable[Change]:
    name = scratch.table("audited")
    declared = msgspec.structs.replace(source.declared, name=name.display)
    table = next(iter(read_tables(conn, templates, [name])), None)
    spec = spec_of(
        declared, table, None, schema=templates.schema, table_id=1, specialised=source.spec.specialised
    )
    # The copy lacks the application's triggers, because of which a bulk table may be recorded by row.
    spec = replace(spec, by_statement=source.spec.by_statement)
    target = Target(declared=declared, spec=spec, registered=None)
    return table_changes(templates, NOTHING, target, capture_units(templates, spec), baseline=False)


def _run(conn: Connection, templates: Templates, changes: Iterable[Change]) -> None:
    for change in changes:
        become(conn, templates.roles.owner if change.as_owner else None)
        conn.execute(change.sql.encode())
    become(conn, None)

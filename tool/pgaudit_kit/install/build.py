"""Builds the plan of an installation: reads the database, renders what should be, compares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgaudit_kit.catalog import made_anew, read_installation, read_registered, read_tables
from pgaudit_kit.config import Config, TableConfig
from pgaudit_kit.db import Connection
from pgaudit_kit.install import migrate
from pgaudit_kit.install.audited import Target, end_changes, objects_of, table_changes
from pgaudit_kit.install.descendants import (
    Declared,
    child_names,
    descendant_changes,
    inherited_from,
    with_children,
)
from pgaudit_kit.install.lenders import refuse_lenders, with_lenders
from pgaudit_kit.install.partitions import grant_changes, switch_changes
from pgaudit_kit.install.regions import declared_regions, divided, region_changes
from pgaudit_kit.install.schedule import job_changes
from pgaudit_kit.install.settings import Settings, setting_changes, stamp_partitions
from pgaudit_kit.install.strays import stray_changes
from pgaudit_kit.install.tables import from_registry
from pgaudit_kit.install.targets import resolve
from pgaudit_kit.model import Installation, RegisteredTable, Table
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.partition_manager import NATIVE, Choice, choose, read_manager
from pgaudit_kit.plan import Change, Plan, drop_changes, unit_changes
from pgaudit_kit.render import Templates, Unit, capture_units, kit_units
from pgaudit_kit.render.bulk import kept_by_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a command wants to be true."""

    config: Config | None = None
    """The configuration file; None: what the database's registry says."""
    enable: tuple[TableConfig, ...] = ()
    """Tables to audit; where this or `disable` names any, all other tables stay as they are."""
    disable: tuple[QualifiedName, ...] = ()
    schedule: bool = False
    """Whether pg_cron shall seal and maintain, where it is."""
    baseline: tuple[QualifiedName, ...] = ()
    """Tables of whose rows a first event is recorded."""
    place: str | None = None
    """Where the tables are declared, for errors."""

    @property
    def single_tables(self) -> bool:
        """Whether it is about some tables only."""
        return bool(self.enable or self.disable)


def build_plan(conn: Connection, schema: str, wanted: Wanted) -> Plan:
    """The plan, from the database as it is now. ConfigError where the declarations do not fit it."""
    installation = read_installation(conn, Templates(schema))
    settings = Settings.of(wanted.config, installation)
    divided_by = divided(wanted.config, installation)
    manager = NATIVE if divided_by else settings.partitions.manager
    choice = choose(read_manager(conn, Templates(schema)), manager, schema)
    templates = Templates(
        schema,
        personal_context=settings.context.personal,
        actions=settings.actions,
        partman=choice.partman_schema,
        regions_of_tables=divided_by == "tables",
    )
    targets = _targets(conn, templates, installation, wanted)
    units = kit_units(templates, event_triggers=installation.event_triggers_allowed, manager=choice.file)
    placing = _regions(conn, templates, installation, wanted, targets)
    changes = _kit(templates, installation, settings, units, choice, placing)
    wanted_objects = {item for unit in units for item in unit.objects}
    for target in targets:
        table_units = capture_units(templates, target.spec)
        wanted_objects |= {item for unit in table_units for item in unit.objects}
        baseline = (target.parent or target).spec.table.name in wanted.baseline
        changes += table_changes(templates, installation, target, table_units, baseline=baseline)
    changes += descendant_changes(conn, templates, installation, _known_ids(targets))
    ended = _ended(installation, targets, wanted)
    changes += end_changes(conn, templates, ended)
    objects = installation.objects
    if wanted.single_tables:
        objects = objects_of(conn, templates, installation, targets, ended)
    changes += drop_changes(objects, wanted_objects, schema)
    job_notes: tuple[str, ...] = ()
    if not wanted.single_tables:
        changes += _guards(conn, templates, installation, units, changes)
        jobs, job_notes = job_changes(conn, templates, create=wanted.schedule)
        changes += jobs
    notes = _notes(schema, installation, targets) + choice.notes + job_notes
    if wanted.config is None and not wanted.single_tables:
        notes += tuple(
            f"{name.display} was dropped while audited; the table that has its name now is not audited."
            f" `pgaudit-kit enable {name.display}` begins anew."
            for name in made_anew(conn, templates, installation)
        )
    return Plan(changes=tuple(changes), notes=notes)


def _kit(
    templates: Templates,
    installation: Installation,
    settings: Settings,
    units: list[Unit],
    choice: Choice,
    placing: list[Change],
) -> list[Change]:
    """What does not depend on the audited tables."""
    absent = "new" if installation.revision is None else "missing from the database"
    return [
        *foundation(templates, installation),
        *grant_changes(choice),
        *unit_changes([u for u in units if u.as_owner], installation.objects, absent=absent),
        *switch_changes(templates, choice),
        *setting_changes(templates, installation, settings),
        *placing,
        *unit_changes([u for u in units if not u.as_owner], installation.objects, absent=absent),
    ]


def _regions(
    conn: Connection, templates: Templates, installation: Installation, wanted: Wanted, targets: list[Target]
) -> list[Change]:
    """Where the log lies; single tables change nothing about it."""
    if wanted.single_tables:
        return []
    tables = [(target.spec.table.name, target.spec.table_id) for target in targets]
    declared = declared_regions(wanted.config, installation, tables, wanted.place)
    regions = wanted.config.regions if wanted.config is not None else ()
    return region_changes(conn, templates, installation, declared, regions, wanted.place)


def _guards(
    conn: Connection,
    templates: Templates,
    installation: Installation,
    units: list[Unit],
    changes: list[Change],
) -> list[Change]:
    """What others did to the kit's tables; partitions follow where their parents' policies change."""
    strays = stray_changes(conn, templates, units)
    if installation.revision is None or not any(change.kind == "policy" for change in changes):
        return strays
    stamp = Change(
        op="change",
        kind="partitions",
        target="policies and guards",
        why="those of their parents changed",
        sql=stamp_partitions(Ident(templates.schema).sql),
    )
    return [*(change for change in strays if change.kind != "partition"), stamp]


def _targets(
    conn: Connection, templates: Templates, installation: Installation, wanted: Wanted
) -> list[Target]:
    declared = _declared(conn, templates, installation, wanted)
    others: list[RegisteredTable] = []
    if wanted.single_tables:
        declared = with_lenders(conn, templates, installation, declared, wanted.disable)
        names = {item.config.table for item in declared}.union(wanted.disable)
        others = [row for row in installation.registered if row.enabled and row.name not in names]
        refuse_lenders(installation, wanted.disable, others)
    return resolve(conn, templates, installation, declared, others)


def _known_ids(targets: list[Target]) -> list[int]:
    return [target.spec.table_id for target in targets if target.registered and target.registered.enabled]


def _declared(
    conn: Connection, templates: Templates, installation: Installation, wanted: Wanted
) -> list[Declared]:
    """Each table that shall be audited, with the place that says so, and their inheritance children."""
    taken: list[QualifiedName] = []
    if wanted.single_tables:
        declared = [Declared(config=item, place=None) for item in wanted.enable]
        taken = [row.name for row in installation.registered if row.enabled and inherited_from(row) is None]
    elif wanted.config is not None:
        declared = [
            Declared(config=item, place=f"{wanted.place}: tables[{n}]")
            for n, item in enumerate(wanted.config.tables)
        ]
    else:
        tables = registry_tables(conn, templates, installation)
        declared = [Declared(config=item, place=None) for item in tables]
    return with_children(conn, templates, declared, taken)


def registry_tables(conn: Connection, templates: Templates, installation: Installation) -> list[TableConfig]:
    """The audited tables as the registry declares them; those that are gone are left out, and children."""
    enabled = [row for row in installation.registered if row.enabled and inherited_from(row) is None]
    tables: dict[int, Table] = {
        table.oid: table for table in read_tables(conn, templates, oids=[row.relation for row in enabled])
    }
    return [from_registry(row, tables[row.relation]) for row in enabled if row.relation in tables]


def foundation(templates: Templates, installation: Installation) -> Iterable[Change]:
    """Roles, schema and tables, where they are missing or old."""
    if installation.missing_roles or installation.revision is None:
        yield Change(
            op="create" if installation.missing_roles else "change",
            kind="role",
            target=", ".join(installation.missing_roles) or "memberships",
            why="new" if installation.missing_roles else "the kit's owner must act for whoever installs",
            sql=templates.render("roles/roles.sql"),
            as_owner=False,
        )
    if not installation.schema_exists:
        yield Change(
            op="create",
            kind="schema",
            target=templates.schema,
            why="new",
            sql=templates.render("schema/audit.sql"),
            as_owner=False,
        )
    if sql := migrate.upgrade_sql(templates, installation.revision):
        yield Change(
            op="create" if installation.revision is None else "change",
            kind="tables",
            target=f"change_events, blocks and the rest, revision {migrate.head()}",
            why="new" if installation.revision is None else f"from revision {installation.revision}",
            sql=sql,
        )


def _ended(installation: Installation, targets: list[Target], wanted: Wanted) -> list[RegisteredTable]:
    """Tables that are audited and shall not be."""
    kept = {target.spec.table_id for target in targets}
    disabled = {row.table_id for row in installation.registered if row.name in wanted.disable}
    return [
        row
        for row in installation.registered
        if row.enabled
        and row.table_id not in kept
        and (not wanted.single_tables or row.table_id in disabled or inherited_from(row) in disabled)
    ]


def _notes(schema: str, installation: Installation, targets: list[Target]) -> tuple[str, ...]:
    notes = []
    if not installation.event_triggers_allowed:
        notes.append(
            "This role may not create event triggers: capture uses the generic functions, and changes of"
            " definitions and triggers are not recorded."
        )
    notes += [
        f"{target.spec.table.name.display} is unlogged: a crash empties it without an event."
        for target in targets
        if target.spec.table.persistence == "u"
    ]
    notes += [
        note
        for target in targets
        if target.spec.bulk
        for note in kept_by_row(schema, target.spec.table, target.spec.operations)
    ]
    return tuple(notes)


def is_installed(conn: Connection, schema: str) -> bool:
    """Whether the kit is there with its functions; after `uninstall` only its data is."""
    # from the catalogs alone: a sealer may read nothing of the kit
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_proc AS p INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace"
        " WHERE n.nspname = %s AND p.proname = 'seal')",
        (schema,),
    ).fetchone()
    return row is not None and bool(row[0])


def audited_names(conn: Connection, schema: str) -> set[QualifiedName]:
    """The tables that the registry says are audited."""
    registered = read_registered(conn, Templates(schema))
    return {row.name for row in registered if row.enabled}


def wanted_names(conn: Connection, schema: str, wanted: Wanted) -> set[QualifiedName]:
    """The tables that a plan is about."""
    if wanted.single_tables:
        names = {*(item.table for item in wanted.enable), *wanted.disable}
        if any(row.lender for row in read_registered(conn, Templates(schema))) or any(
            item.tenant is not None and item.tenant.via is not None for item in wanted.enable
        ):
            names |= audited_names(conn, schema)  # those that lend their tenant are part of the plan
    else:
        names = {item.table for item in wanted.config.tables} if wanted.config else set()
        names |= audited_names(conn, schema)
    return names | child_names(conn, Templates(schema), names)

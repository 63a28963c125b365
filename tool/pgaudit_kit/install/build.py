"""Builds the plan of an installation: reads the database, renders what should be, compares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from pgaudit_kit import __version__
from pgaudit_kit.catalog import read_installation, read_tables
from pgaudit_kit.config import Config, Context, Operation, Partitions, TableConfig
from pgaudit_kit.db import Connection
from pgaudit_kit.install import migrate
from pgaudit_kit.install.tables import declaration, from_registry, registered_for, spec_of
from pgaudit_kit.model import Installation, ObjectId, RegisteredTable, Table
from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.plan import Change, Plan, drop_changes, orphaned_tables, unit_changes
from pgaudit_kit.render import CaptureSpec, Templates, Unit, capture_units, kit_units
from pgaudit_kit.render.capture import smallint, smallints


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a command wants to be true."""

    config: Config | None = None
    """The configuration file; None: what the database's registry says."""
    enable: tuple[TableConfig, ...] = ()
    """Tables to audit besides, whatever the file says."""
    disable: tuple[QualifiedName, ...] = ()
    baseline: tuple[QualifiedName, ...] = ()
    """Tables of whose rows a first event is recorded."""
    place: str | None = None
    """Where the tables are declared, for errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table that shall be audited, with what is known of it."""

    declared: TableConfig
    spec: CaptureSpec
    registered: RegisteredTable | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the configuration says beyond single tables."""

    partitions: Partitions
    context: Context
    actions: dict[str, tuple[Operation, ...]] | None

    @classmethod
    def of(cls, config: Config | None, installation: Installation) -> Settings:
        """From the file, else from the registry, else the defaults."""
        if config is not None:
            return cls(partitions=config.partitions, context=config.context, actions=config.actions)
        stored = installation.settings
        return cls(
            partitions=msgspec.convert(stored.get("partitions", {}), Partitions),
            context=Context(personal=tuple(stored.get("personal_context", Context().personal))),
            actions=stored.get("actions"),
        )

    def stored(self) -> dict[str, object]:
        """As the table settings keeps them; a setting that is not declared is not kept."""
        values = {
            "partitions": msgspec.to_builtins(self.partitions),
            "personal_context": list(self.context.personal),
            "actions": msgspec.to_builtins(self.actions),
        }
        return {name: value for name, value in values.items() if value is not None}


def build_plan(conn: Connection, schema: str, wanted: Wanted) -> Plan:
    """The plan, from the database as it is now. ConfigError where the declarations do not fit it."""
    probe = Templates(schema)
    installation = read_installation(conn, probe)
    settings = Settings.of(wanted.config, installation)
    templates = Templates(schema, personal_context=settings.context.personal)
    targets = _targets(conn, templates, installation, wanted)
    units = kit_units(templates, event_triggers=installation.event_triggers_allowed)
    kit_changes = unit_changes([unit for unit in units if unit.as_owner], installation.objects)
    changes = [
        *_foundation(templates, installation),
        *kit_changes,
        *_settings(templates, installation, settings, kit_changes),
        *unit_changes([unit for unit in units if not unit.as_owner], installation.objects),
    ]
    wanted_objects = {item for unit in units for item in unit.objects}
    for target in targets:
        table_units = capture_units(templates, target.spec)
        wanted_objects |= {item for unit in table_units for item in unit.objects}
        changes += _table(templates, installation, target, table_units, wanted)
    changes += _unregister(templates, installation, targets)
    changes += drop_changes(installation.objects, wanted_objects, schema)
    return Plan(changes=tuple(changes), notes=_notes(installation, targets))


def _targets(
    conn: Connection, templates: Templates, installation: Installation, wanted: Wanted
) -> list[Target]:
    declared = _declared(conn, templates, installation, wanted)
    tables = {t.name: t for t in read_tables(conn, templates, (item.table for item, _ in declared))}
    next_id = max((row.table_id for row in installation.registered), default=0) + 1
    targets = []
    for item, place in declared:
        table = tables.get(item.table)
        registered = registered_for(table, installation.registered)
        spec = spec_of(
            item,
            table,
            registered,
            table_id=registered.table_id if registered else next_id,
            specialised=installation.event_triggers_allowed,
            at=place,
        )
        next_id += registered is None
        targets.append(Target(declared=item, spec=spec, registered=registered))
    return targets


def _declared(
    conn: Connection, templates: Templates, installation: Installation, wanted: Wanted
) -> list[tuple[TableConfig, str | None]]:
    """Each table that shall be audited, with the place that says so."""
    base: list[tuple[TableConfig, str | None]]
    if wanted.config is not None:
        base = [(item, f"{wanted.place}: tables[{n}]") for n, item in enumerate(wanted.config.tables)]
    else:
        base = [(item, None) for item in registry_tables(conn, templates, installation)]
    left_out = {item.table for item in wanted.enable} | set(wanted.disable)
    base = [pair for pair in base if pair[0].table not in left_out]
    return base + [(item, None) for item in wanted.enable]


def registry_tables(conn: Connection, templates: Templates, installation: Installation) -> list[TableConfig]:
    """The audited tables as the registry declares them; those that are gone are left out."""
    enabled = [row for row in installation.registered if row.enabled]
    tables: dict[int, Table] = {
        table.oid: table for table in read_tables(conn, templates, oids=[row.relation for row in enabled])
    }
    return [from_registry(row, tables[row.relation]) for row in enabled if row.relation in tables]


def _foundation(templates: Templates, installation: Installation) -> Iterable[Change]:
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


def _settings(
    templates: Templates, installation: Installation, settings: Settings, units: list[Change]
) -> Iterable[Change]:
    """What is not DDL: settings, first partitions, and the event that says so."""
    schema = Ident(templates.schema).sql
    stored = settings.stored()
    if not any(item.id == ObjectId("function", "seal") for item in installation.objects):
        yield Change(
            op="create",
            kind="partitions",
            target=f"of {settings.partitions.interval}, {settings.partitions.premake} ahead",
            why="new",
            sql=_first_rows(schema, stored),
        )
        return
    for name, value in stored.items():
        if installation.settings.get(name) != value:
            yield Change(
                op="change",
                kind="setting",
                target=name,
                why="declared otherwise",
                sql=f"SELECT {schema}.change_setting({Literal(name).sql}, {_json(value)});\n"
                f"SELECT {schema}.maintain_partitions();\n",
            )
    if any(change.kind == "policy" for change in units):
        yield Change(
            op="change",
            kind="partitions",
            target="policies and guards",
            why="those of their parents changed",
            sql=_stamp_all(schema),
        )


def _first_rows(schema: str, stored: dict[str, object]) -> str:
    # The settings first and the partitions before any event: the default partition stays empty.
    rows = ",\n".join(f"({Literal(name).sql}, {_json(value)})" for name, value in sorted(stored.items()))
    installed = _json({"version": __version__, "settings": stored})
    return (
        f"INSERT INTO {schema}.settings (name, value) VALUES\n{rows}\n"
        "ON CONFLICT ON CONSTRAINT settings_name_pk DO UPDATE SET value = excluded.value;\n"
        f"{_stamp_all(schema)}"
        f"SELECT {schema}.maintain_partitions();\n"
        f"SELECT {schema}.record_control('installed', {installed});\n"
    )


def _stamp_all(schema: str) -> str:
    return (
        f"SELECT {schema}.stamp_partition(i.inhrelid::regclass)\n"
        "FROM pg_catalog.pg_inherits AS i\n"
        "INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.inhparent\n"
        f"WHERE c.relnamespace = {Literal(schema).sql}::pg_catalog.regnamespace AND c.relkind = 'p';\n"
    )


def _table(
    templates: Templates,
    installation: Installation,
    target: Target,
    units: list[Unit],
    wanted: Wanted,
) -> Iterable[Change]:
    """Functions and triggers of one audited table, its row in the registry, and its baseline."""
    yield from unit_changes(units, installation.objects)
    schema, spec = Ident(templates.schema).sql, target.spec
    name = spec.table.name
    if not _is_registered(target):
        yield Change(
            op="change" if target.registered else "create",
            kind="registry",
            target=name.display,
            why=f"version {spec.table_version} of its definition",
            sql=_register(schema, target),
        )
    if name in wanted.baseline:
        yield Change(
            op="create",
            kind="baseline",
            target=name.display,
            why="an event for each row that is there",
            sql=f"SELECT {schema}.record_baseline({spec.table_id});\n",
            as_owner=False,
        )


def _is_registered(target: Target) -> bool:
    row, spec = target.registered, target.spec
    return (
        row is not None
        and row.enabled
        and row.table_version == spec.table_version
        and row.specialised == spec.specialised
        and row.declaration == declaration(target.declared, spec)
    )


def _register(schema: str, target: Target) -> str:
    spec = target.spec
    arguments = [
        str(spec.table_id),
        str(spec.table_version),
        # by OID: the kit's owner need not have USAGE on the table's schema
        f"{spec.table.oid}::oid::regclass",
        _json(declaration(target.declared, spec)),
        *(smallints(numbers).sql for numbers in (spec.key, spec.excluded, spec.personal)),
        smallint(spec.tenant_attnum).sql,
        smallint(spec.subject_attnum).sql,
        "true" if spec.specialised else "false",
    ]
    return f"SELECT {schema}.register_table({', '.join(arguments)});\n"


def _unregister(templates: Templates, installation: Installation, targets: list[Target]) -> Iterable[Change]:
    kept = {target.spec.table_id for target in targets}
    schema = Ident(templates.schema).sql
    for table_id, name in orphaned_tables(installation, kept):
        yield Change(
            op="drop",
            kind="registry",
            target=name.display,
            why="no longer declared; its events stay",
            sql=f"SELECT {schema}.unregister_table({table_id});\n",
        )


def _notes(installation: Installation, targets: list[Target]) -> tuple[str, ...]:
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
    return tuple(notes)


def _json(value: object) -> str:
    return f"{Literal(msgspec.json.encode(value).decode()).sql}::jsonb"


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
    registered = read_installation(conn, Templates(schema)).registered
    return {row.name for row in registered if row.enabled}

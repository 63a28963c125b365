"""Checks of what records: triggers, functions, event triggers, the registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pgaudit_kit import names
from pgaudit_kit.doctor.model import Finding, Row, check, fail, ok, warn
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.model import RegisteredTable, Table
from pgaudit_kit.names import CAPTURE_FUNCTIONS, QualifiedName
from pgaudit_kit.plan import Change
from pgaudit_kit.render.bulk import by_statement
from pgaudit_kit.render.capture import ROW_OPERATIONS, row_trigger_kinds

APPLY = "Run `pgaudit-kit apply`; `pgaudit-kit plan` shows what it would do."
_KINDS = {"function", "view", "policy", "trigger", "event trigger"}
_STATES = {"D": "disabled", "O": "off under session_replication_role = replica", "R": "on for replicas only"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The audited tables with the kit's triggers on them."""

    schema: str
    registered: list[RegisteredTable]
    tables: dict[int, Table]
    triggers: dict[QualifiedName, dict[str, tuple[str, str]]]
    """By table: name of the trigger to how it is enabled and the function that it calls."""
    rules: list[Row] = field(default_factory=list)


def _read_audited(source: Source) -> Audited:
    triggers: dict[QualifiedName, dict[str, tuple[str, str]]] = {}
    for row in source.rows("doctor/triggers"):
        on = triggers.setdefault(QualifiedName(row["schema"], row["name"]), {})
        on[row["trigger"]] = (row["enabled"], row["function"])
    return Audited(
        schema=source.templates.schema,
        registered=source.enabled,
        tables=source.tables,
        triggers=triggers,
        rules=source.rows("doctor/rules"),
    )


@check("triggers", fine="every audited table has its triggers, all of them ALWAYS", read=_read_audited)
def triggers(audited: Audited) -> list[Finding]:
    """Triggers on every audited table and its partitions, each enabled ALWAYS."""
    findings = []
    for row in audited.registered:
        table = audited.tables.get(row.relation)
        if table is None:
            findings.append(fail(f"{row.name.display} is gone, and the registry still lists it.", APPLY))
            continue
        for relation, trigger, function in _expected(audited.schema, row, table):
            found = audited.triggers.get(relation, {}).get(trigger)
            if problem := _trigger_problem(found, function):
                findings.append(fail(f"{relation.display}: trigger {trigger} {problem}.", APPLY))
    findings += [
        warn(
            f"{rule['relation']}: rule {rule['rule']} may lead writes past the triggers.",
            "Drop the rule, or put a trigger in its place.",
        )
        for rule in audited.rules
    ]
    return findings or ([] if audited.registered else [ok("no table is audited")])


def _expected(schema: str, row: RegisteredTable, table: Table) -> Iterator[tuple[QualifiedName, str, str]]:
    operations = set(row.declaration["operations"])
    bulk = by_statement(schema, table, operations) if row.bulk else ()
    kinds = [(f"bulk_{kind}", f"tg_bulk_{row.table_id}") for kind in bulk]
    by_row = tuple(name for name in ROW_OPERATIONS if name in operations and name not in bulk)
    kinds += [(kind, f"tg_capture_{row.table_id}") for kind in row_trigger_kinds(row.conditions, by_row)]
    if "truncate" in operations:
        kinds.append(("truncate", "tg_truncate"))
        if table.kind == "p":
            kinds.append(("truncate_before", "tg_truncate"))
    for relation in (table.name, *table.partitions):
        for kind, function in kinds:
            yield relation, names.trigger_name(schema, kind), function


def _trigger_problem(found: tuple[str, str] | None, function: str) -> str | None:
    if found is None:
        return "is missing"
    enabled, called = found
    if enabled != "A":
        return f"is not ALWAYS but {_STATES.get(enabled, enabled)}"
    return None if called == function else f"calls {called} instead of {function}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What differs from what the kit installed for the declarations in the registry."""

    changes: tuple[Change, ...]
    error: str | None
    stand_ins: dict[int, bool]
    """Tables whose generic function stands in: whether it is the one that was installed."""


def _read_drift(source: Source) -> Drift:
    rows = source.rows("doctor/stand_ins")
    return Drift(
        changes=source.drift,
        error=source.drift_error,
        stand_ins={row["table_id"]: row["same"] for row in rows},
    )


@check("objects", fine="functions, views, policies and triggers are as they were installed", read=_read_drift)
def objects(drift: Drift) -> list[Finding]:
    """Functions and the like against the digests in their comments."""
    if drift.error:
        return [fail(f"The registry no longer fits the database: {drift.error}", APPLY)]
    standing_in = {f"tg_{kind}_{table_id}" for table_id in drift.stand_ins for kind in CAPTURE_FUNCTIONS}
    findings = [
        fail(f"{change.kind} {change.target}: {_reason(change)}.", APPLY)
        for change in drift.changes
        if change.kind in _KINDS and change.target not in standing_in
    ]
    return findings + [
        fail(f"function tg_capture_{table_id}: not the generic function that should stand in.", APPLY)
        for table_id, same in drift.stand_ins.items()
        if not same
    ]


def _reason(change: Change) -> str:
    return "missing" if change.why == "new" else change.why


@check(
    "definitions",
    fine="capture fits the columns of every audited table",
    read=lambda source: (source.enabled, source.tables),
)
def definitions(facts: tuple[list[RegisteredTable], dict[int, Table]]) -> list[Finding]:
    """The registry's column fingerprints against the tables as they are."""
    registered, tables = facts
    findings = []
    for row in registered:
        table = tables.get(row.relation)
        if table is None:
            continue  # the check of triggers says so
        if row.fingerprint != table.fingerprint:
            message = f"{table.name.display} was changed, and capture was made for its columns before."
            findings.append(fail(message, APPLY))
        elif row.name != table.name:
            findings.append(warn(f"{row.name.display} is called {table.name.display} now.", APPLY))
    return findings


@check(
    "descendants",
    fine="the log knows all partitions and inheritance children of the audited tables",
    read=lambda source: source.drift,
)
def descendants(changes: tuple[Change, ...]) -> list[Finding]:
    """Partitions that came or went unnoticed, and inheritance children that are not audited."""
    return [
        fail(f"{change.target}: {change.why}.", APPLY)
        for change in changes
        if change.kind == "descendants" or (change.kind == "registry" and change.op == "create")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialised:
    """Which tables have the capture function that was made for them."""

    rows: list[RegisteredTable]
    event_triggers: bool
    """Whether there are event triggers that would swap it in time."""


@check(
    "capture",
    fine="every audited table has the capture function made for it",
    read=lambda source: Specialised(
        rows=source.enabled, event_triggers=bool(source.rows("doctor/event_triggers"))
    ),
)
def capture(facts: Specialised) -> list[Finding]:
    """Tables on which the generic capture function stands in."""
    generic = [row for row in facts.rows if not row.specialised]
    if not facts.event_triggers:
        said = "without event triggers the generic capture function serves everywhere; it is slower"
        return [ok(said)] if generic else []
    return [
        warn(
            f"{row.name.display}: after a change of definition the generic function stands in; it is slower.",
            APPLY,
        )
        for row in generic
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTriggers:
    """The event triggers, and whether this role could make them."""

    wanted: tuple[str, ...]
    enabled: dict[str, str]
    allowed: bool


def _read_event_triggers(source: Source) -> EventTriggers:
    schema = source.templates.schema
    return EventTriggers(
        wanted=tuple(names.event_trigger_name(schema, kind) for kind in names.EVENT_TRIGGERS),
        enabled={row["name"]: row["enabled"] for row in source.rows("doctor/event_triggers")},
        allowed=source.privileges["superuser"],
    )


@check("event-triggers", fine="the DDL watch is there, and ALWAYS", read=_read_event_triggers)
def event_triggers(facts: EventTriggers) -> list[Finding]:
    """The event triggers that follow changes of definitions."""
    missing = [name for name in facts.wanted if name not in facts.enabled]
    if len(missing) == len(facts.wanted) and not facts.allowed:
        return [
            warn(
                "There are no event triggers: changes of definitions and of triggers are not recorded,"
                " triggers are not put back to ALWAYS, and capture uses the slower generic functions.",
                "Event triggers need a superuser: let one run `pgaudit-kit apply`.",
            )
        ]
    findings = [fail(f"Event trigger {name} is missing.", APPLY) for name in missing]
    return findings + [
        fail(f"Event trigger {name} is not ALWAYS but {_STATES.get(enabled, enabled)}.", APPLY)
        for name, enabled in sorted(facts.enabled.items())
        if enabled != "A"
    ]


@check(
    "configuration",
    fine="the database is as the configuration file says",
    read=lambda source: (source.pending, source.pending_error),
)
def configuration(facts: tuple[tuple[Change, ...] | None, str | None]) -> list[Finding]:
    """Changes in the configuration file that were not applied."""
    pending, error = facts
    if error:
        return [fail(f"The configuration file does not fit the database: {error}", "Correct pgaudit.toml.")]
    if pending is None:
        return [ok("no configuration file; the registry in the database counts")]
    return [warn(f"Not as declared: {len(pending)} changes to make.", APPLY)] if pending else []


@check(
    "unlogged",
    fine="no audited table is unlogged",
    read=lambda source: [table.name for table in source.tables.values() if table.persistence == "u"],
)
def unlogged(facts: list[QualifiedName]) -> list[Finding]:
    """Audited tables that a crash empties without an event."""
    return [
        warn(f"{name.display} is unlogged: a crash empties it without an event.", "ALTER TABLE … SET LOGGED.")
        for name in facts
    ]

"""Check of tables declared `bulk`: what statement triggers cannot see."""

from __future__ import annotations

from dataclasses import dataclass

from pgaudit_kit.doctor.model import Finding, check, fail, warn
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.model import RegisteredTable, Table
from pgaudit_kit.render.bulk import kept_by_row

WITHOUT = "Declare it without bulk, then `pgaudit-kit apply`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """The bulk tables, and which of them a subscription fills."""

    schema: str
    tables: list[tuple[RegisteredTable, Table]]
    subscriptions: dict[int, str]


def _read(source: Source) -> Bulk:
    found = [
        (row, source.tables[row.relation])
        for row in source.enabled
        if row.bulk and row.relation in source.tables
    ]
    rows = source.rows("doctor/subscribed") if found else []
    return Bulk(
        schema=source.templates.schema,
        tables=found,
        subscriptions={row["relation"]: row["name"] for row in rows},
    )


@check("bulk", fine="no table is recorded by statement where that would miss rows", read=_read)
def bulk(facts: Bulk) -> list[Finding]:
    """Bulk tables in a hierarchy or a subscription, and those with application triggers that fire first."""
    findings = []
    for row, table in facts.tables:
        name = table.name.display
        if table.related:
            said = f"{name} is bulk and has parents or children: statements on a parent go unrecorded."
            findings.append(fail(said, WITHOUT))
        if subscription := facts.subscriptions.get(row.relation):
            said = f"{name} is bulk: what subscription {subscription} inserts and deletes goes unrecorded."
            findings.append(warn(said, WITHOUT))
        findings += [
            warn(note, "Drop the trigger, or declare the table without bulk.")
            for note in kept_by_row(facts.schema, table, row.declaration["operations"])
        ]
    return findings

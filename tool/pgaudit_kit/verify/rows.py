"""Levels completeness and replay: each audited table against its events, one table at a time, by SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgaudit_kit.names import QualifiedName
from pgaudit_kit.verify.facts import Facts
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding, Level, Progress
from pgaudit_kit.verify.session import Session, Unreadable
from pgaudit_kit.verify.tables import AuditedTable, audited_tables

_BATCH = 1000


@dataclass(slots=True)
class RowsLevels:
    """Compares the tables with the log, in both directions, and the events of each row with each other."""

    session: Session
    facts: Facts
    findings: Findings
    same_incarnation: bool
    expected: Sequence[str] = ()
    """Tables that must be audited, as the policy names them."""
    not_covered: Counter[str] = field(default_factory=Counter)
    unknown: dict[Level, set[str | None]] = field(
        default_factory=lambda: {"completeness": set(), "replay": set()}
    )
    """Tenants of which something could not be judged; None where it may be anybody's."""

    def run(self, progress: Progress) -> None:
        """Judge every table that is audited now."""
        with self.session.readable():
            tables = audited_tables(self.session)
        check_expected(self.findings, self.expected, {table.name for table in tables})
        for done, table in enumerate(tables):
            progress("tables", done, len(tables))
            self._check_triggers(table)
            try:
                with self.session.readable():
                    self._judge(table)
            except Unreadable as error:
                self._give_up(table, error.message)
        progress("tables", len(tables), len(tables))

    def _check_triggers(self, table: AuditedTable) -> None:
        row = table.row
        if row.table_name is None:
            return
        if not row.row_triggers:
            self._add("completeness", "trigger-missing", table, "no trigger of the kit records its rows")
        if row.off:
            names = ", ".join(row.off)
            self._add("completeness", "trigger-off", table, f"not enabled always: {names}")

    def _judge(self, table: AuditedTable) -> None:
        row = table.row
        if row.incomparable:
            self.findings.note(f"{table.name} was not compared with its events: {row.incomparable}.")
            return
        if row.unreadable:
            self._give_up(table, row.unreadable)
            return
        values = {
            **table.values(),
            "xmin_tells": self.same_incarnation,
            "xmax": self.facts.snapshot.xmax,
        }
        parts = table.parts()
        found = [*self._rows(table, values, parts), *self._breaks(table, values, parts)]
        if found and (self._replaced(row) or self._relabelled(row)):
            self._give_up(table, "it was emptied, rewritten or altered in the meantime")
            return
        for finding in found:
            self.findings.add(finding)

    def _replaced(self, row: Any) -> bool:
        return bool(self.session.rows("replaced", {"table": row.relation})[0].replaced)

    def _relabelled(self, row: Any) -> bool:
        """Whether a label of an enum is another by now than in this snapshot."""
        enums = self.session.rows("labels", {"table": row.relation})
        return any(
            now.labels != enum.labels
            for enum in enums
            for now in self.session.stream("labels_now", {}, parts={"labels": enum.labels_now})
        )

    def _rows(self, table: AuditedTable, values: dict[str, Any], parts: dict[str, str]) -> Iterator[Finding]:
        for row in self.session.stream("rows", values, parts=parts, batch=_BATCH, hash_join=True):
            if row.kind in ("not-covered", "doubtful", "uncertain"):
                self._count(table, row)
                continue
            if row.kind == "missing":
                yield _finding(
                    "replay",
                    "replay-missing-row",
                    table,
                    row,
                    f"the table lacks the row, which event {row.event_id} had left there:"
                    " it was deleted past the triggers",
                )
                continue
            if row.kind == "differs":
                names = ", ".join(row.columns or ())
                what = f"the row is not as event {row.event_id} and those before it left it: {names}"
                yield _finding("replay", "replay-differs", table, row, what)
                if row.same_version:
                    continue
                what = f"{names} were written and no event tells of it; event {row.event_id} is the newest"
            else:
                what = (
                    "the table has the row and the log does not"
                    if row.event_id is None
                    else f"the table has the row, and event {row.event_id} had deleted it"
                )
                yield _finding("replay", "replay-extra-row", table, row, what)
            yield _finding("completeness", "row-unrecorded", table, row, f"{what}: written past the triggers")

    def _breaks(
        self, table: AuditedTable, values: dict[str, Any], parts: dict[str, str]
    ) -> Iterator[Finding]:
        for row in self.session.stream("continuity", values, parts=parts, batch=_BATCH, hash_join=True):
            names = ", ".join(row.columns)
            if row.inserted:
                what = f"event {row.event_id} inserted the row, which event {row.earlier_id} had left there"
            elif row.ended:
                what = f"event {row.event_id} changed the row, which event {row.earlier_id} had removed"
            else:
                what = f"event {row.event_id} found other values than event {row.earlier_id} left: {names}"
            yield _finding(
                "completeness",
                "continuity-broken",
                table,
                row,
                f"{what}: something between them was not recorded",
            )

    def _count(self, table: AuditedTable, row: Any) -> None:
        if row.kind == "uncertain":
            self.findings.note(
                f"{row.rows:,} rows of {table.name} are not as events from before its definition changed"
                " left them: by that change, or written past the triggers.",
                tenant_id=row.tenant_id,
            )
            self.unknown["completeness"].add(row.tenant_id)
            self.unknown["replay"].add(row.tenant_id)
            return
        if row.tenant_id is None:
            self.findings.note(
                f"{row.rows:,} rows of {table.name} have no event, and no tenant to count for."
            )
        else:
            self.not_covered[row.tenant_id] += row.rows
        if row.kind == "doubtful":
            self.findings.note(
                f"{row.rows:,} rows of {table.name} have no event and were written since auditing began:"
                " past the triggers, or by updates that changed nothing. A baseline would tell.",
                tenant_id=row.tenant_id,
            )
            self.unknown["completeness"].add(row.tenant_id)

    def _give_up(self, table: AuditedTable, why: str) -> None:
        self.findings.note(f"{table.name} could not be compared with its events: {why}.")
        for level in self.unknown.values():
            level.add(None)

    def _add(self, level: Level, kind: str, table: AuditedTable, message: str) -> None:
        self.findings.add(Finding(kind=kind, level=level, table=table.name, message=message))


def check_expected(findings: Findings, expected: Sequence[str], audited: set[str]) -> None:
    """Report the tables that the policy expects among those that are audited, and that are not."""
    for text in expected:
        name = QualifiedName.parse(text).display
        if name not in audited:
            message = "the policy says that the table is audited, and it is not"
            findings.add(Finding(kind="table-not-audited", level="completeness", table=name, message=message))


def _finding(level: Level, kind: str, table: AuditedTable, row: Any, message: str) -> Finding:
    return Finding(
        kind=kind,
        level=level,
        message=message,
        tenant_id=row.tenant_id,
        table=table.name,
        record_key=row.key,
        event_id=row.event_id,
    )

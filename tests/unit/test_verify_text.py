"""What `verify` tells people, laid out."""

from __future__ import annotations

import io

from rich.console import Console

from pgaudit_kit.cli.verify_text import not_established, report_text
from pgaudit_kit.verify import LEVELS, Finding, Report, TenantReport


def test_long_texts_flow_and_what_a_finding_means_stays_indented() -> None:
    message = "the event is in no block, though the last seal must have seen its transaction"
    finding = Finding(kind="event-unsealed", level="events", message=message, tenant_id="acme", event_id=7)
    console = Console(file=io.StringIO(), width=60, markup=False)
    console.print(report_text(Report(verdict="failed", tenants=(), findings=(finding,))))
    assert isinstance(console.file, io.StringIO)
    first, *meaning = console.file.getvalue().partition("\n\n")[0].splitlines()
    assert first == "event-unsealed  tenant acme, event 7"
    assert all(line.startswith("    ") for line in meaning)
    assert " ".join(line.strip() for line in meaning) == message
    flowing = ("Not est" + console.file.getvalue().partition("Not est")[2]).splitlines()[:-1]
    assert min(len(line) for line in flowing) > 40


def test_a_verdict_says_where_nobody_named_the_tables_that_must_be_audited() -> None:
    tenant = TenantReport(tenant_id="acme", levels=dict.fromkeys(LEVELS, "ok"))
    said = [
        " ".join(
            not_established(Report(verdict="ok", tenants=(tenant,), findings=(), tables_expected=number))
        )
        for number in (0, 1)
    ]
    assert ["every table that should be audited" in text for text in said] == [True, False]

"""What `verify` tells people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pgaudit_kit.cli.output import printable
from pgaudit_kit.doctor.model import duration
from pgaudit_kit.verify import LEVELS, Finding, Level, Report, TenantReport

STYLES = {"ok": "green", "failed": "bold red", "unknown": "yellow", "not_run": "dim"}


def report_text(report: Report) -> RenderableType:
    """Tenants, findings, notes, and a summary that says what was established and what was not."""
    parts: list[RenderableType] = [_tenants(report), Text()] if report.tenants else []
    if report.findings:
        parts += [*_findings(report), Text()]
    for note in report.notes:
        whose = f"{printable(note.tenant_id)}: " if note.tenant_id is not None else ""
        parts.append(Text(f"note: {whose}{printable(note.message)}"))
    if report.notes:
        parts.append(Text())
    parts.append(Text(summary(report), style=STYLES[report.verdict]))
    parts += [Text(text) for text in (*_proved(report), *not_established(report))]
    return Group(*parts)


def _proved(report: Report) -> Iterator[str]:
    """By whom the log is vouched for, where a policy says whose word counts."""
    proof = report.proof
    if not _was_run(report, "checkpoint") or proof.integrity == "self-consistent":
        return
    parts = [f"signed up to {proof.signed_size:,} of {proof.log_size:,} blocks"]
    if proof.anchored_size:
        parts.append(f"anchored outside up to {proof.anchored_size:,}")
    if proof.witnessed_size:
        parts.append(f"witnessed up to {proof.witnessed_size:,}")
    yield f"Proof: {proof.integrity}; time: {proof.time}. The log is {', '.join(parts)}."
    if report.since:
        yield f"Blocks before {report.since:,} were not looked at again: they count as they were signed."


def not_established(report: Report) -> Iterator[str]:
    """What a clean verdict does not say."""
    levels_run: tuple[Level, ...] = ("completeness", "replay")
    missing = [level for level in levels_run if not _was_run(report, level)]
    if missing:
        levels = " and ".join(missing)
        yield f"Not established: whether everything that happened was recorded ({levels}: not run)."
    elif not report.tables_expected:
        yield (
            "Not established: whether every table that should be audited is: no policy names them (tables)."
        )
    not_covered = sum(tenant.not_covered or 0 for tenant in report.tenants)
    if not_covered:
        yield (
            f"Not established: how {not_covered:,} rows came to be as they are: they have no event, since"
            " they were there before auditing began."
        )
    if not _was_run(report, "checkpoint"):
        yield (
            "Not established: whether a superuser rewrote events, blocks and all hashes alike: without a"
            " policy (--policy) no signed checkpoint outside this database was consulted."
        )
    elif report.proof.integrity in ("self-consistent", "signed"):
        yield (
            "Not established: whether whoever holds the signing key rewrote it all: no copy of a checkpoint"
            " outside this database was consulted."
        )


def _was_run(report: Report, level: Level) -> bool:
    return any(tenant.levels[level] != "not_run" for tenant in report.tenants)


def summary(report: Report) -> str:
    """One line: the verdict, and over what."""
    checked = sum(tenant.checked for tenant in report.tenants)
    failed = [tenant for tenant in report.tenants if tenant.verdict == "failed"]
    found = len(report.findings) + report.findings_omitted
    if report.verdict == "failed":
        whose = f" in the logs of {len(failed)} of {len(report.tenants)} tenants" if report.tenants else ""
        return f"FAILED: {found:,} finding{'' if found == 1 else 's'}{whose}."
    if report.verdict == "unknown":
        return "UNKNOWN: not everything asked for could be established; the notes say why."
    unsealed = sum(tenant.unsealed for tenant in report.tenants)
    rest = f"; {unsealed:,} are not sealed yet" if unsealed else ""
    tenants = f"{len(report.tenants)} tenant{'' if len(report.tenants) == 1 else 's'}"
    return (
        f"OK: {checked:,} sealed events of {tenants} are as they were sealed,"
        f" none is missing, and the chains are whole{rest}."
    )


def _tenants(report: Report) -> RenderableType:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("Tenant", overflow="fold")
    for name in ("Checked", "Sealed", "Unsealed", "Oldest", "Erased", "Archived", "Not covered"):
        shown.add_column(name, justify="right")
    levels = [level for level in LEVELS if any(one.levels[level] != "not_run" for one in report.tenants)]
    for level in levels:
        shown.add_column(level.capitalize())
    for tenant in report.tenants:
        verdicts = [Text(tenant.levels[level], style=STYLES[tenant.levels[level]]) for level in levels]
        shown.add_row(Text(printable(tenant.tenant_id)), *_numbers(tenant), *verdicts)
    return shown


def _numbers(tenant: TenantReport) -> Iterator[str]:
    yield f"{tenant.checked:,}"
    yield f"{tenant.sealed:,}"
    yield f"{tenant.unsealed:,}"
    yield "-" if tenant.oldest_unsealed_s is None else duration(tenant.oldest_unsealed_s)
    yield f"{tenant.erased:,}"
    yield f"{tenant.archived:,}"
    yield "not run" if tenant.not_covered is None else f"{tenant.not_covered:,}"


def _findings(report: Report) -> Iterator[RenderableType]:
    for finding in report.findings:
        yield Text(f"{finding.kind}  {_place(finding)}")
        yield Padding(Text(printable(finding.message)), (0, 0, 0, 4), expand=False)
    if report.findings_omitted:
        yield Text(f"… and {report.findings_omitted:,} more findings of these kinds")
    for tenant in report.tenants:
        if tenant.first_broken_block is not None:
            name = printable(tenant.tenant_id)
            yield Text(f"First broken link of {name}: block {tenant.first_broken_block}")


def _place(finding: Finding) -> str:
    """Where it is: tenant, table and key, event, block."""
    parts = ["every tenant" if finding.tenant_id is None else f"tenant {finding.tenant_id}"]
    if finding.table is not None:
        parts.append(f"{finding.table} {finding.record_key or ''}".rstrip())
    if finding.event_id is not None:
        parts.append(f"event {finding.event_id}")
    if finding.block_number is not None:
        parts.append(f"block {finding.block_number}")
    return printable(", ".join(parts))

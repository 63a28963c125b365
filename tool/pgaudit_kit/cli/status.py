"""`pgaudit-kit status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pgaudit_kit.cli.access_text import access_option, access_text, read_access
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import configured, require_installed
from pgaudit_kit.config import OPERATIONS
from pgaudit_kit.db import Connection
from pgaudit_kit.doctor import Source, Status, read_status
from pgaudit_kit.doctor.model import counted, duration
from pgaudit_kit.doctor.source import DEFAULT_LIMIT, UNSEALED_LIMIT
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.install.build import build_plan
from pgaudit_kit.partition_manager import NATIVE, UnusablePartman
from pgaudit_kit.render import Templates
from pgaudit_kit.scheduler import FoundJob


@click.command(name="status")
@access_option
@output_options
@pass_app
def command(app: App, access: bool) -> None:
    """Show what is audited, how far it is sealed, and how large the log is.

    Reads estimates and no more than a day of the log; needs a member of pgaudit_kit_owner, and works on
    standbys too.

    \b
    Example:
      pgaudit-kit status
      pgaudit-kit status --json
      pgaudit-kit status --access
    """  # noqa: D301
    with app.connect(read_only=True) as conn:
        require_installed(app, conn)
        source = Source(conn, Templates(app.schema))
        if access:
            reads = read_access(source)
            app.out.emit({"access": reads}, access_text(reads))
            return
        status = read_status(source)
        drift = _drift(app, conn)
    app.out.emit({**status.facts(), "drift": drift}, _text(status, drift))


def _drift(app: App, conn: Connection) -> dict[str, Any]:
    try:
        changes = len(build_plan(conn, app.schema, configured(app)).changes)
    except (ConfigError, UnusablePartman) as error:
        return {"changes": None, "error": error.message}
    return {"changes": changes, "error": None}


def _text(status: Status, drift: dict[str, Any]) -> str:
    lines = [*_tables(status), "", *_sealing(status), _drift_line(drift), "", *_storage(status)]
    return "\n".join(lines)


def _tables(status: Status) -> list[str]:
    if not status.tables:
        return ["No table is audited. `pgaudit-kit enable TABLE` begins."]
    rows = [("Table", "Tenant", "Operations", "Excluded", "Personal", "Version", "Capture", "Events today")]
    for table in status.tables:
        tenant = table.tenant
        capture = "specialised" if table.specialised else "generic"
        row = (
            table.name,
            "-" if tenant["kind"] == "none" else f"{tenant['kind']} {tenant['name']}",
            "all" if len(table.operations) == len(OPERATIONS) else ", ".join(table.operations),
            ", ".join(table.excluded) or "-",
            ", ".join(table.personal) or "-",
            str(table.version),
            capture if table.exists else "the table is gone",
            "?" if table.events_today is None else f"{table.events_today:,}",
        )
        rows.append(row)
    conditions = [
        f"Not recorded of {table.name}: {said}"
        for table in status.tables
        for said in table.not_recorded
        if " unless " in said
    ]
    return _aligned(rows, right={5, 7}) + conditions


def _sealing(status: Status) -> list[str]:
    sealing = status.sealing
    if sealing.unsealed is None:
        unsealed = "not known before the next seal (this database was restored or cloned)"
    else:
        unsealed = counted(sealing.unsealed, "event", limit=UNSEALED_LIMIT)
        if sealing.oldest_unsealed_s is not None:
            unsealed += f", the oldest for {duration(sealing.oldest_unsealed_s)}"
    manager = status.partition_manager
    made_by = "made by the kit itself" if manager == NATIVE else f"made by {manager or 'nobody'}"
    jobs = ", ".join(f"{job.name} ({_state(job)})" for job in status.jobs)
    return [
        f"Last seal  {'never' if sealing.age_s is None else f'{duration(sealing.age_s)} ago'}",
        f"Sealed     {counted(sealing.sealed_events, 'event')} in {counted(sealing.blocks, 'block')}"
        f" of {counted(sealing.tenants, 'tenant')}",
        f"Unsealed   {unsealed}",
        f"Signed     {_signed(status)}",
        f"Partitions {made_by}",
        *([f"pg_cron    {jobs}"] if jobs else []),
    ]


def _signed(status: Status) -> str:
    signing = status.signing
    if signing is None:
        return "never"
    age = signing["published_age_s"]
    said = f"up to {counted(signing['size'], 'block')}, {signing['behind']:,} since; "
    said += "not published" if age is None else f"published {duration(age)} ago"
    failing = sorted(name for name, why in (signing["anchors"] or {}).items() if why is not None)
    return said + (f", not by {', '.join(failing)}" if failing else "")


def _state(job: FoundJob) -> str:
    if not job.active:
        return "switched off"
    return "the last run failed" if job.last_status == "failed" else "active"


def _drift_line(drift: dict[str, Any]) -> str:
    if drift["error"]:
        return f"Drift      {drift['error']}"
    changes = drift["changes"]
    return f"Drift      {counted(changes, 'change') + ', see `pgaudit-kit plan`' if changes else 'none'}"


def _storage(status: Status) -> list[str]:
    rows = [("Stored in", "Size", "Rows, about", "Partitions", "In default", "Until (UTC)")]
    partitions = {row["name"]: row for row in status.partitions}
    for size in status.sizes:
        row = partitions[size["name"]]
        in_default, bound = row["in_default"], row["newest_bound"]
        rows.append(
            (
                size["name"],
                _bytes(size["bytes"]),
                f"{size['rows']:,}",
                str(row["partitions"]),
                "missing"
                if in_default is None
                else f"{min(in_default, DEFAULT_LIMIT):,}{'+' if in_default > DEFAULT_LIMIT else ''}",
                "-" if bound is None else f"{bound:%Y-%m-%d %H:%M}",
            )
        )
    return _aligned(rows, right={1, 2, 3, 4}) + _regions(status)


def _regions(status: Status) -> list[str]:
    if not status.regions:
        return []
    rows = [("Region", "Tablespace", "Size", "Partitions", "Whose")]
    rows += [
        (
            region["name"],
            region["tablespace"],
            _bytes(region["bytes"]),
            str(region["partitions"]),
            _some(region["tenants"] or region["tables"] or ["everybody else's"]),
        )
        for region in status.regions
    ]
    return ["", *_aligned(rows, right={2, 3})]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _aligned(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if number in right else f"{cell:<{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 10_000:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:,.0f} TB"

"""`pgaudit-kit verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg import sql

from pgaudit_kit import verify
from pgaudit_kit.anchors import open_anchor
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.offline import verify_offline
from pgaudit_kit.cli.output import output_options, printable
from pgaudit_kit.cli.verify_progress import progress_bars
from pgaudit_kit.cli.verify_text import report_text
from pgaudit_kit.errors import KitError, UsageError
from pgaudit_kit.policy import load_policy
from pgaudit_kit.verify import Report, Trust


@click.command(name="verify")
@click.option("--tenant", "tenants", metavar="T", multiple=True, help="Verify this tenant's log; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Verify the log of every tenant.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="PGAUDIT_KIT_POLICY",
    show_envvar=True,
    help="policy.toml: whose signatures count, and where copies of them are.",
)
@click.option(
    "--since",
    type=click.IntRange(min=1),
    metavar="SIZE",
    default=None,
    help="Only what came after the signed checkpoint of this many blocks; needs --policy.",
)
@click.option(
    "--offline",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Evidence from `evidence export` instead of a database.",
)
@output_options
@pass_app
def command(
    app: App,
    tenants: tuple[str, ...],
    everything: bool,
    policy_file: Path | None,
    since: int | None,
    folder: Path | None,
) -> int:
    """Recompute the log's hashes, and say what is not as it was sealed.

    Tenants are named as the log stores them; _system is the kit's own. Reads in one snapshot, changes
    nothing but that the run is on record (unless a superuser's), and works on standbys. With a policy it
    compares the log with every checkpoint that was signed, in the database and in each anchor. Exit codes:
    0 intact, 1 tampered with, 4 could not be established.

    \b
    Example:
      pgaudit-kit verify --all
      pgaudit-kit verify --tenant acme --json
      pgaudit-kit verify --all --policy policy.toml
      pgaudit-kit verify --offline /tmp/acme --policy policy.toml
    """  # noqa: D301
    if folder is not None:
        if tenants or everything or since:
            raise UsageError("--offline takes the tenant from the evidence; it goes with --policy alone.")
        return verify_offline(app, folder, policy_file)
    if bool(tenants) == everything:
        raise UsageError(
            "Both --tenant and --all were given." if tenants else "Which tenants are to be verified?",
            hint="Name one with --tenant (repeatable), or say --all.",
        )
    if since and policy_file is None:
        raise UsageError(
            "--since needs a policy: blocks before it count because they were signed.",
            hint="Add --policy policy.toml.",
        )
    trust = _trust(policy_file) if policy_file else None
    with app.connect(read_only=True) as conn, progress_bars(app) as progress:
        report = verify.verify(conn, app.schema, tenants or None, progress, trust=trust, since=since or 0)
    _leave_trace(app, tenants, report)
    app.out.emit(facts(report), lambda: report_text(report))
    return report.exit_code


def _leave_trace(app: App, tenants: tuple[str, ...], report: Report) -> None:
    """Record the run where its reader is one whose reads are recorded; a damaged kit hinders nobody."""
    checked = sum(tenant.checked for tenant in report.tenants)
    asked = json.dumps({"tenants": list(tenants)} if tenants else {})
    query = sql.SQL("SELECT {}.note_reading(current_user, 'verify', %s, %s)")
    try:
        with app.connect() as conn:
            conn.execute(query.format(sql.Identifier(app.schema)), (asked, checked))
    except (psycopg.Error, KitError) as error:
        app.out.warn(f"This run could not be recorded: {printable(str(error).splitlines()[0])}")


def facts(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "tenants": [{**asdict(tenant), "verdict": tenant.verdict} for tenant in report.tenants],
        "findings": [asdict(finding) for finding in report.findings],
        "findings_omitted": report.findings_omitted,
        "notes": [asdict(note) for note in report.notes],
        "proof": asdict(report.proof),
        "since": report.since,
    }


def _trust(file: Path) -> Trust:
    policy = load_policy(file)
    return Trust(policy=policy, now=datetime.now(UTC), anchors=[open_anchor(spec) for spec in policy.anchors])

"""`pgaudit-kit evidence`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import rich_click

from pgaudit_kit import evidence
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options, printable
from pgaudit_kit.errors import UsageError
from pgaudit_kit.evidence import Exported, Request
from pgaudit_kit.policy import load_policy


@click.group(name="evidence", cls=rich_click.RichGroup)
def command() -> None:
    """Proof of what is in a tenant's log, for people without access to the database.

    \b
    Example:
      pgaudit-kit evidence export --tenant acme evidence-acme
    """  # noqa: D301


@command.command(name="export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--tenant", required=True, metavar="T", help="Whose log, as the log stores the name.")
@click.option("--from", "since", metavar="TIME", help="What happened at or after this time (ISO 8601).")
@click.option("--to", "until", metavar="TIME", help="What happened before this time.")
@click.option(
    "--event",
    "events",
    metavar="ID",
    multiple=True,
    type=click.IntRange(1, 2**63 - 1),
    help="This event alone; repeatable.",
)
@click.option("--personal", is_flag=True, help="Personal values too, with what proves them.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="PGAUDIT_KIT_POLICY",
    show_envvar=True,
    help="policy.toml: names the log, and the keys that the evidence states.",
)
@output_options
@pass_app
def export(
    app: App,
    folder: Path,
    tenant: str,
    since: str | None,
    until: str | None,
    events: tuple[int, ...],
    personal: bool,
    policy_file: Path | None,
) -> int:
    """Write what proves a tenant's events into the new folder DIR.

    The whole log, what happened in a time (rounded out to whole blocks), or single events: lines as they were
    hashed, blocks, their places in the log, the newest published checkpoint, and a program that checks all
    of it with Python alone. Other tenants appear as hashes only. The folder is checked before it gets its
    name; the exit codes are those of verify. Needs to read the log, as verify does.

    \b
    Example:
      pgaudit-kit evidence export --tenant acme --policy policy.toml /tmp/acme
      pgaudit-kit evidence export --tenant acme --from 2026-01-01 --to 2026-02-01 /tmp/acme-january
      pgaudit-kit evidence export --tenant acme --event 4711 --personal /tmp/acme-4711
    """  # noqa: D301
    if events and (since or until):
        raise UsageError("--event names events; it does not go with --from and --to.")
    request = Request(
        tenant=tenant,
        since=_time(since, "--from"),
        until=_time(until, "--to"),
        event_ids=tuple(dict.fromkeys(events)),
        personal=personal,
        policy=load_policy(policy_file) if policy_file else None,
    )
    with app.connect(read_only=True) as conn:
        made = evidence.export(conn, app.schema, request, folder.absolute(), lambda done: None)
    app.out.emit(
        {**made.report, "folder": str(folder), "counts": made.manifest["counts"]}, _text(folder, made)
    )
    return int(made.report["exit_code"])


def _text(folder: Path, made: Exported) -> str:
    counts, left_out = made.manifest["counts"], made.manifest["not_covered"]
    later, unsealed = left_out["sealed_after_the_checkpoint"], left_out["not_sealed"]
    return "\n".join(
        [
            f"{printable(str(folder))}: {counts['events']:,} events in {counts['blocks']:,} blocks.",
            f"Not in it: {later:,} events sealed after the checkpoint, {unsealed:,} not sealed yet.",
            evidence.verdict_text(made.report),
        ]
    )


def _time(text: str | None, option: str) -> datetime | None:
    """A time; UTC where it names no zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} is {text!r}, which is no time.",
            hint="Write it like 2026-01-31 or 2026-01-31T12:00:00+01:00.",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)

"""`pgaudit-kit tenant grant|revoke|list`."""

from __future__ import annotations

import click
import rich_click

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import require_installed
from pgaudit_kit.errors import UsageError
from pgaudit_kit.install import readers

via_option = click.option(
    "--via",
    type=click.Choice(readers.WAYS),
    default=readers.MEMBERSHIP,
    help="setting: the role reads the tenant that its session's pgaudit_kit.tenant_id names.",
)


@click.group(name="tenant", cls=rich_click.RichGroup)
def command() -> None:
    """Say which role may read which tenant's log.

    \b
    Example:
      pgaudit-kit tenant grant support acme
    """  # noqa: D301


@command.command()
@click.argument("role")
@click.argument("tenant", required=False)
@via_option
@output_options
@pass_app
def grant(app: App, role: str, tenant: str | None, via: str) -> None:
    """Let ROLE, and its members, read TENANT's log; makes it a member of pgaudit_kit_reader.

    TENANT is named as in the log (tenant_id). With --via setting there is none: the kit then trusts
    whoever logs in as ROLE to say whose log it is, for a pooled login that serves many tenants.

    \b
    Example:
      pgaudit-kit tenant grant support acme
      pgaudit-kit tenant grant webapp --via setting
    """  # noqa: D301
    entry = _entry(role, tenant, via)
    with app.connect() as conn:
        require_installed(app, conn)
        changed = readers.grant(conn, app.schema, entry)
    text = f"{role} reads {entry.display}." if changed else f"{role} could read {entry.display} already."
    app.out.emit({"changed": changed, **entry.facts()}, text)


@command.command()
@click.argument("role")
@click.argument("tenant", required=False)
@via_option
@output_options
@pass_app
def revoke(app: App, role: str, tenant: str | None, via: str) -> None:
    """Take TENANT's log from ROLE again; with its last one goes its membership of pgaudit_kit_reader.

    Memberships are the whole server's: where ROLE reads the log of another database too, grant it there anew.

    \b
    Example:
      pgaudit-kit tenant revoke support acme
    """  # noqa: D301
    entry = _entry(role, tenant, via)
    with app.connect() as conn:
        require_installed(app, conn)
        changed = readers.revoke(conn, app.schema, entry)
    said = "no longer reads" if changed else "could not read"
    app.out.emit({"changed": changed, **entry.facts()}, f"{role} {said} {entry.display}.")


@command.command(name="list")
@output_options
@pass_app
def list_(app: App) -> None:
    """List which role may read which tenant's log.

    \b
    Example:
      pgaudit-kit tenant list --json
    """  # noqa: D301
    with app.connect(read_only=True) as conn:
        require_installed(app, conn)
        found = readers.read(conn, app.schema)
    lines = [
        f"{item.role}  reads {item.display}" + ("" if item.exists else "  (there is no such role)")
        for item in found
    ]
    app.out.emit(
        {"readers": [item.facts() | {"exists": item.exists} for item in found]},
        "\n".join(lines) or "No role reads a tenant's log. `pgaudit-kit tenant grant ROLE TENANT` lets one.",
    )


def _entry(role: str, tenant: str | None, via: str) -> readers.Reader:
    if (tenant is None) != (via == readers.SETTING):
        raise UsageError(
            "With --via setting no tenant is named."
            if tenant is not None
            else "Whose log is ROLE to read? Name the tenant, or say --via setting."
        )
    return readers.Reader(role=role, tenant=tenant, via=via)

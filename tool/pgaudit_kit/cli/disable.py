"""`pgaudit-kit disable`."""

from __future__ import annotations

import click

from pgaudit_kit import config_file
from pgaudit_kit.cli.app import App, confirm_options, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import carry_out, require_installed
from pgaudit_kit.errors import AbsentTable
from pgaudit_kit.install.build import Wanted, audited_names
from pgaudit_kit.names import QualifiedName


@click.command(name="disable")
@click.argument("tables", metavar="TABLE…", nargs=-1, required=True)
@confirm_options
@output_options
@pass_app
def command(app: App, tables: tuple[str, ...], yes: bool, dry_run: bool) -> None:
    """Stop auditing TABLE; its events stay. Also taken out of the configuration file.

    \b
    Example:
      pgaudit-kit disable public.scratch --yes
    """  # noqa: D301
    names = tuple(QualifiedName.parse(text) for text in tables)
    with app.connect() as conn:
        require_installed(app, conn)
        audited = audited_names(conn, app.schema)
        for name in names:
            if name not in audited:
                raise AbsentTable(
                    f"{name.display} is not audited.", hint="`pgaudit-kit status` lists what is."
                )
        wanted = Wanted(disable=names)
        done = carry_out(app, conn, wanted, yes=yes, dry_run=dry_run, question="Stop auditing?")
    if done is not None and app.config_path is not None:
        config_file.remove_tables(app.config_path, names)
        app.out.info(f"Taken out of {app.config_path.name}.")

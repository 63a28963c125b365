"""`pgaudit-kit disable`."""

from __future__ import annotations

import click

from pgaudit_kit.cli.app import App, confirm_options, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import carry_out, file_edit, refuse_repeated, require_installed
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
    refuse_repeated(names)
    with app.connect() as conn, file_edit(app, remove=names) as edit:
        require_installed(app, conn)
        known = audited_names(conn, app.schema)
        if edit.changes and app.config is not None:
            known |= {table.table for table in app.config.tables}  # one that was dropped is only there
        for name in names:
            if name not in known:
                raise AbsentTable(
                    f"{name.display} is not audited.", hint="`pgaudit-kit status` lists what is."
                )
        wanted = Wanted(disable=names)
        done = carry_out(app, conn, wanted, yes=yes, dry_run=dry_run, question="Stop auditing?")
        if done is not None and edit.changes:
            edit.commit()
            app.out.info(f"Taken out of {edit.path.name}.")

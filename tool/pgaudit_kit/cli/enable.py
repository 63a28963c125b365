"""`pgaudit-kit enable`."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from pgaudit_kit import config as configuration
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import carry_out, file_edit, refuse_repeated, require_installed
from pgaudit_kit.config import OPERATIONS, TableConfig
from pgaudit_kit.errors import UsageError
from pgaudit_kit.install.build import Wanted
from pgaudit_kit.names import QualifiedName


@click.command(name="enable")
@click.argument("tables", metavar="TABLE…", nargs=-1, required=True)
@click.option("--tenant-column", metavar="C", help="The column that names the tenant.")
@click.option("--tenant-setting", metavar="S", help="The session setting that names the tenant.")
@click.option("--tenant-via", metavar="FK", help="A foreign key to it: 'article_id -> articles.tenant_id'.")
@click.option("--tenant-value", metavar="V", help="The one tenant of these tables.")
@click.option("--exclude", metavar="C", multiple=True, help="A column that is not recorded; repeatable.")
@click.option("--personal", metavar="C", multiple=True, help="A column kept where erasure reaches it.")
@click.option("--subject-column", metavar="C", help="The column that tells whose data it is.")
@click.option(
    "--operations",
    metavar="LIST",
    default=",".join(OPERATIONS),
    help="What is recorded, separated by commas.",
)
@click.option("--key", metavar="C", multiple=True, help="A column of the key, where there is no primary key.")
@click.option(
    "--when", metavar="SQL", help="Record only rows for which this holds: \"NEW.status <> 'draft'\"."
)
@click.option("--bulk", is_flag=True, help="Record INSERT and DELETE by statement, for mass loads.")
@click.option("--baseline", is_flag=True, help="Record an event for each row that is there already.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@output_options
@pass_app
def command(app: App, /, tables: tuple[str, ...], dry_run: bool, baseline: bool, **options: Any) -> None:
    """Audit TABLE from now on; also written to the configuration file where there is one.

    \b
    Example:
      pgaudit-kit enable public.articles --tenant-column tenant_id --personal author_email
    """  # noqa: D301
    names = [QualifiedName.parse(text) for text in tables]
    refuse_repeated(names)
    declared = tuple(_declare(name, options) for name in names)
    wanted = Wanted(enable=declared, baseline=tuple(names) if baseline else ())
    with app.connect() as conn, file_edit(app, put=declared) as edit:
        require_installed(app, conn)
        done = carry_out(app, conn, wanted, yes=True, dry_run=dry_run, question="")
        if done is not None and edit.changes:
            edit.commit()
            app.out.info(f"Written to {edit.path.name}.")


def _declare(name: QualifiedName, options: dict[str, Any]) -> TableConfig:
    tenant = {
        kind: options[f"tenant_{kind}"]
        for kind in ("column", "setting", "value", "via")
        if options[f"tenant_{kind}"] is not None
    }
    raw: dict[str, Any] = {
        "name": name.display,
        "exclude": list(options["exclude"]),
        "personal": list(options["personal"]),
        "operations": [word.strip() for word in options["operations"].split(",") if word.strip()],
        "key": list(options["key"]),
        "bulk": options["bulk"],
    }
    if tenant:
        raw["tenant"] = tenant
    if options["when"]:
        raw["when"] = options["when"]
    if options["subject_column"]:
        raw["subject"] = options["subject_column"]
    try:
        return msgspec.convert(raw, configuration.TableConfig)
    except msgspec.ValidationError as error:
        raise UsageError(str(error).partition(" - at `")[0]) from None

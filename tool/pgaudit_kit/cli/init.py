"""`pgaudit-kit init`."""

from __future__ import annotations

from pathlib import Path

import click

from pgaudit_kit import config as configuration
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.first_config import first_config
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.errors import FileError
from pgaudit_kit.proposal import Proposal, read_proposal
from pgaudit_kit.render import Templates


@click.command(name="init")
@output_options
@pass_app
def command(app: App) -> None:
    """Write a commented pgaudit.toml for this database, with proposals to look over.

    Goes by names: tables with a primary key, columns that look like tenants or personal data. Changes
    nothing in the database, and never overwrites a file.

    \b
    Example:
      pgaudit-kit --dsn service=shop init
      pgaudit-kit --dsn service=shop --config ops/pgaudit.toml init
    """  # noqa: D301
    path = app.config_option or Path.cwd() / configuration.FILE_NAME
    _refuse_existing(path)
    app.config = None  # none counts yet, not even one in a folder above
    schema = app.schema
    with app.connect(read_only=True) as conn:
        proposal = read_proposal(conn, Templates(schema))
        database = conn.info.dbname
    text = first_config(proposal, schema=schema, database=database)
    configuration.parse(text, where=path.name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_existing(path)
    app.out.emit(_facts(path, proposal), _text(path, proposal))


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise FileError(
            "The configuration file is there already; it was left as it is.",
            at=str(path),
            hint="Name another with --config, or move this one away.",
        )


def _facts(path: Path, proposal: Proposal) -> dict[str, object]:
    return {
        "path": str(path),
        "tables": [
            {
                "name": table.name.display,
                "tenant_column": table.tenant,
                "personal": table.personal,
                "exclude": table.exclude,
            }
            for table in proposal.tables
        ],
        "left_out": [{"name": item.name.display, "reason": item.reason} for item in proposal.left_out],
    }


def _text(path: Path, proposal: Proposal) -> str:
    lines = []
    for table in proposal.tables:
        said = [f"tenant {table.tenant}"] if table.tenant else []
        said += [f"personal {', '.join(table.personal)}"] if table.personal else []
        said += [f"without {', '.join(table.exclude)}"] if table.exclude else []
        lines.append(f"  + {table.name.display}{': ' if said else ''}{'; '.join(said)}")
    lines += [f"  - {item.name.display}: {item.reason}" for item in proposal.left_out]
    return "\n".join(
        [*lines, f"Wrote {path}. Look it over, then run `pgaudit-kit install`."]
        if lines
        else [f"Wrote {path}. No table was found that could be audited."]
    )

"""Options of the commands that run a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pgaudit_kit.server.persistent import ROOTS_HOME

F = TypeVar("F", bound=Callable[..., Any])

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PGAUDIT_KIT_DATA_DIR",
    show_envvar=True,
    help="Folder of the server's data; without it pgaudit-kit in the user's data directory "
    f"(~/.local/share), as root {ROOTS_HOME}.",
)


def programs_options(command: F) -> F:
    """Options --pg-bindir and --run-as, as arguments `pg_bindir` and `run_as`."""
    bindir = click.option(
        "--pg-bindir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="PGAUDIT_KIT_PG_BINDIR",
        show_envvar=True,
        help="Folder with postgres, initdb and pg_ctl; without it the extra `embedded`, "
        "else the newest PostgreSQL installed.",
    )
    account = click.option(
        "--run-as",
        metavar="USER",
        envvar="PGAUDIT_KIT_RUN_AS",
        show_envvar=True,
        help="As root: the account that runs the server; without it postgres, else nobody.",
    )
    return bindir(account(command))

"""`pgaudit-kit server`: the embedded PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import rich_click

from pgaudit_kit import server as servers
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.server_options import data_dir_option, programs_options
from pgaudit_kit.server import Status


@click.group(name="server", cls=rich_click.RichGroup)
def command() -> None:
    """Run a PostgreSQL of your own: without Docker, reachable by its socket alone, as root or not.

    \b
    Example:
      pgaudit-kit server start
      psql "$(pgaudit-kit server dsn)"
    """  # noqa: D301


@command.command(name="start")
@data_dir_option
@programs_options
@output_options
@pass_app
def start(app: App, data_dir: Path | None, pg_bindir: Path | None, run_as: str | None) -> None:
    """Start the server, and create its data where absent; nothing to do where it is running.

    \b
    Example:
      pgaudit-kit server start --pg-bindir /usr/lib/postgresql/15/bin
    """  # noqa: D301
    state, started = servers.start(data_dir, bindir=pg_bindir, run_as=run_as)
    word = "Started" if started else "Already running:"
    app.out.emit(
        {**_facts(state), "started": started},
        f"{word} PostgreSQL {state.major}, process {state.pid}.\n{state.dsn()}",
    )


@command.command(name="stop")
@data_dir_option
@output_options
@pass_app
def stop(app: App, data_dir: Path | None) -> None:
    """Stop the server and disconnect its clients; its data stays.

    \b
    Example:
      pgaudit-kit server stop
    """  # noqa: D301
    stopped = servers.stop(data_dir)
    state = servers.status(data_dir)
    app.out.emit({**_facts(state), "stopped": stopped}, "Stopped." if stopped else "It was not running.")


@command.command(name="status")
@data_dir_option
@output_options
@pass_app
def status(app: App, data_dir: Path | None) -> int:
    """Tell whether the server is running: exit code 0 if so, 1 if not.

    \b
    Example:
      pgaudit-kit server status --json
    """  # noqa: D301
    state = servers.status(data_dir)
    text = f"Not running: {state.home}"
    if state.running:
        text = f"Running: PostgreSQL {state.major}, process {state.pid}, data in {state.home}\n{state.dsn()}"
    app.out.emit(_facts(state), text)
    return 0 if state.running else 1


@command.command(name="dsn")
@data_dir_option
@click.option("--dbname", default="postgres", help="Database to connect to.")
@output_options
@pass_app
def dsn(app: App, data_dir: Path | None, dbname: str) -> None:
    """Print how to connect to the running server, and nothing else; exit code 3 if it is not running.

    \b
    Example:
      export PGAUDIT_KIT_DSN="$(pgaudit-kit server dsn)"
    """  # noqa: D301
    answer = servers.status(data_dir).dsn(dbname)
    app.out.emit({"dsn": answer}, answer)


def _facts(state: Status) -> dict[str, Any]:
    return {
        "running": state.running,
        "pid": state.pid,
        "dsn": state.dsn() if state.running else None,
        "server_version": state.major,
        "data_dir": str(state.home),
        "log_file": str(state.log_file),
    }

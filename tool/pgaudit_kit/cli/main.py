"""The root command: global options, the list of commands, and the one place where errors end."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import click
import rich_click
import stamina.instrumentation
from stamina.instrumentation import RetryDetails

from pgaudit_kit import __version__, db
from pgaudit_kit.cli.app import App
from pgaudit_kit.cli.output import Output
from pgaudit_kit.errors import Cancelled, FileError, InternalError, KitError, UsageError

COMMANDS: tuple[str, ...] = (
    "init",
    "install",
    "plan",
    "apply",
    "enable",
    "disable",
    "status",
    "doctor",
    "seal",
    "run",
    "verify",
    "tenant",
    "key",
    "checkpoint",
    "anchor",
    "witness",
    "evidence",
    "prove",
    "tiles",
    "bench",
    "server",
    "demo",
    "uninstall",
)
"""The commands in the order of the help. Each is `command` in the module of its name in this folder;
the order, as they come: init, install, plan, apply, enable, disable, status, doctor, seal, run, verify,
tenant, key, checkpoint, anchor, witness, evidence, prove, tiles, bench, server, demo, uninstall."""

BROKEN_PIPE = 141
"""What a shell reports for a program that SIGPIPE ended: nobody was left to read the answer."""


class Commands(rich_click.RichGroup):
    """Loads a command's module when it is called, so that `--version` need not import the database layer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The registered commands, in their order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"pgaudit_kit.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a slip in our own module
        return command


@click.group(
    name="pgaudit-kit",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(__version__, "--version", prog_name="pgaudit-kit", message="%(prog)s %(version)s")
@click.option(
    "-d",
    "--dsn",
    envvar="PGAUDIT_KIT_DSN",
    show_envvar=True,
    default="",
    help="Database as libpq takes it: URI, key=value or service=NAME. PG* variables and .pgpass complete it.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="PGAUDIT_KIT_CONFIG",
    show_envvar=True,
    help="Configuration file; without it the nearest pgaudit.toml upwards.",
)
@click.option(
    "--schema",
    envvar="PGAUDIT_KIT_SCHEMA",
    show_envvar=True,
    help="Schema of the kit; without it what pgaudit.toml says, or audit.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the answer and errors only.")
@click.option("-v", "--verbose", count=True, help="Say more; -vv shows tracebacks.")
@click.option("--no-color", is_flag=True, help="No colours (as NO_COLOR does).")
@click.pass_context
def cli(
    ctx: click.Context,
    dsn: str,
    config_file: Path | None,
    schema: str | None,
    quiet: bool,
    verbose: int,
    no_color: bool,
) -> None:
    """Keep an audit log inside PostgreSQL: captured by triggers, sealed into a hash chain, provable."""
    app = ctx.ensure_object(App)
    app.dsn, app.config_option, app.schema_option = dsn, config_file, schema
    app.out = Output(color=not no_color, quiet=quiet, verbose=verbose)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; prints every error, raises none."""
    args = list(sys.argv[1:] if argv is None else argv)
    app = App()
    stamina.instrumentation.set_on_retry_hooks([lambda details: _say_waiting(app, details)])
    try:
        code = _invoke(args, app)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer would raise again when Python flushes it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def run() -> None:
    """The console script: as main, for the process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text file
    if "_PGAUDIT_KIT_COMPLETE" in os.environ:
        cli(prog_name="pgaudit-kit")  # the shell asks for completions
    sys.exit(main())


def _invoke(args: list[str], app: App) -> int:
    try:
        # Not cli.main(): it would end the process itself, with 1 where a pipe is closed.
        with db.translated(), cli.make_context("pgaudit-kit", args, obj=app) as ctx:
            result = cli.invoke(ctx)
    except click.exceptions.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        raise
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message, err=True)
        return UsageError.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _report(Cancelled("Interrupted."), args, app)
    except Exception as error:
        return _report(_kit_error(error), args, app)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _kit_error(error: Exception) -> KitError:
    if isinstance(error, KitError):
        return error
    if isinstance(error, click.ClickException):
        ctx = getattr(error, "ctx", None)
        hint = f"`{ctx.command_path} -h` shows how it is used." if ctx else None
        kit_error: KitError = UsageError(error.format_message(), hint=hint)
    elif isinstance(error, OSError):
        kit_error = FileError(f"{error.strerror or error}", at=error.filename and str(error.filename))
    else:
        kit_error = InternalError(f"{type(error).__name__}: {error}")
    kit_error.__cause__ = error
    return kit_error


def _report(error: KitError, args: list[str], app: App) -> int:
    if app.out.verbose >= 2:
        traceback.print_exception(error, file=sys.stderr)
    app.out.error(error, json=app.out.json or _wants_json(args))
    return error.exit_code


def _wants_json(args: list[str]) -> bool:
    """Whether the call asks for JSON, also where its options could not be read to the end."""
    return "--json" in args or "--output=json" in args or ("--output", "json") in pairwise(args)


def _say_waiting(app: App, details: RetryDetails) -> None:
    app.out.info(f"A lock is held by others; trying again in {details.wait_for:.1f} s.")

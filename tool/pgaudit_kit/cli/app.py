"""What the options before the command say, for the command that follows."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

from pgaudit_kit import config as configuration
from pgaudit_kit import db
from pgaudit_kit.cli.output import Output
from pgaudit_kit.config import Config
from pgaudit_kit.errors import Cancelled, UsageError
from pgaudit_kit.timeouts import Timeouts

F = TypeVar("F", bound=Callable[..., Any])


class App:
    """Options, configuration file and output of one run; reads the file only when asked."""

    def __init__(self) -> None:
        """Start with nothing given; the root command fills in what was."""
        self.dsn = ""
        self.schema_option: str | None = None
        self.config_option: Path | None = None
        self.out = Output()
        self.stdin_is_terminal = sys.stdin is not None and sys.stdin.isatty()

    @cached_property
    def config_path(self) -> Path | None:
        """The configuration file: --config, or the nearest pgaudit.toml upwards, or none."""
        return self.config_option or configuration.find(Path.cwd())

    @cached_property
    def config(self) -> Config | None:
        """The configuration, or None without a file."""
        return configuration.load(self.config_path) if self.config_path else None

    @property
    def schema(self) -> str:
        """The kit's schema: option or environment, then pgaudit.toml, then `audit`."""
        if self.schema_option is not None:
            return configuration.check_schema(self.schema_option)
        return self.config.schema if self.config else configuration.DEFAULT_SCHEMA

    @property
    def timeouts(self) -> Timeouts:
        """Time limits from pgaudit.toml, or the defaults."""
        return self.config.timeouts if self.config else Timeouts()

    def connect(self, *, read_only: bool = False, check: bool = True) -> db.Connection:
        """Open the target, say on stderr where it is, and (`check`) refuse servers that cannot serve."""
        conn = db.connect(self.dsn, timeouts=self.timeouts, read_only=read_only)
        try:
            self.out.info(f"Target  {db.target_line(conn)}")
            if check:
                db.check_server(conn)
        except BaseException:
            conn.close()
            raise
        return conn


pass_app = click.make_pass_decorator(App)


def confirm_options(command: F) -> F:
    """Options --yes and --dry-run, which exclude each other, as arguments `yes` and `dry_run`."""

    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
    @functools.wraps(command)
    def checked(*args: Any, yes: bool, dry_run: bool, **options: Any) -> Any:
        if yes and dry_run:
            raise click.UsageError("--yes and --dry-run exclude each other.")
        return command(*args, yes=yes, dry_run=dry_run, **options)

    return checked  # type: ignore[return-value]  # the same arguments as `command`


def confirm(app: App, question: str, *, yes: bool) -> None:
    """Return where the user agrees; raise Cancelled where not, UsageError without terminal and --yes."""
    if yes:
        return
    if not app.stdin_is_terminal:
        raise UsageError(
            "There is no terminal to ask for confirmation.",
            hint="Add --yes to go ahead without being asked, or --dry-run to see what would be done.",
        )
    if not click.confirm(question, default=False, err=True):
        raise Cancelled

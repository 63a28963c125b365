"""`pgaudit-kit demo`."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click
import psycopg
from psycopg import sql
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table as RichTable
from rich.text import Text

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import Output, output_options, printable
from pgaudit_kit.cli.server_options import programs_options
from pgaudit_kit.demo import Table, tell
from pgaudit_kit.server import Server, ephemeral_server

INDENT = "   "
DATABASE = "cms"


@click.command(name="demo")
@programs_options
@output_options
@pass_app
def command(app: App, pg_bindir: Path | None, run_as: str | None) -> None:
    """Watch a small multi-tenant CMS being audited, tampered with, and the tampering caught.

    Starts a PostgreSQL of its own, which is gone at the end; no other database is touched.

    \b
    Example:
      pgaudit-kit demo
      pgaudit-kit demo --pg-bindir /usr/lib/postgresql/15/bin
    """  # noqa: D301
    started = time.monotonic()
    teller = Silent() if app.out.json else Printing(app.out)
    with _without_variables("PG"), ephemeral_server(pg_bindir, run_as=run_as) as server:
        teller.begin(server.binaries.version)
        facts = tell(_create_database(server), server.cluster.home, teller)
    seconds = time.monotonic() - started
    teller.end(seconds)
    app.out.emit({"server_version": server.binaries.version, "seconds": round(seconds, 1), **facts})


@contextmanager
def _without_variables(prefix: str) -> Iterator[None]:
    """What the user's environment says about a database (libpq's variables, ours) is about another one."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(prefix)}
    try:
        yield
    finally:
        os.environ.update(kept)


def _create_database(server: Server) -> str:
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return server.dsn(DATABASE)


class Silent:
    """Tells nothing: a program reads the facts."""

    def begin(self, version: str) -> None:
        """Nothing."""

    def chapter(self, title: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def typed(self, prompt: str, text: str) -> None:
        """Nothing."""

    def answer(self, text: str) -> None:
        """Nothing."""

    def table(self, table: Table) -> None:
        """Nothing."""

    def progress(self, what: str, total: int) -> nullcontext[Callable[[int], None]]:
        """Nothing to see."""
        return nullcontext(lambda done: None)

    def end(self, seconds: float) -> None:
        """Nothing."""


class Printing(Silent):
    """Prints the story; progress goes to stderr, and only where that is a terminal."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self.chapters = 0

    def begin(self, version: str) -> None:
        """What this is."""
        self.out.print(
            f"An audit log inside PostgreSQL {version}, and a superuser who rewrites it", style="bold"
        )
        self.out.print("The server was started for this demonstration and is gone when it ends.")

    def chapter(self, title: str) -> None:
        """A numbered heading after an empty line."""
        self.chapters += 1
        self.out.print("")
        self.out.print(f"{self.chapters}  {title}", style="bold")

    def say(self, text: str) -> None:
        """Indented below the chapter."""
        self._lines(text)

    def typed(self, prompt: str, text: str) -> None:
        """The prompt, and what was typed in another colour."""
        self._lines(prompt + text, style="cyan")

    def answer(self, text: str) -> None:
        """Dimmed, so that it is told apart from remarks; without the empty lines, to be short."""
        self._lines("\n".join(line.rstrip() for line in text.splitlines() if line.strip()), style="dim")

    def table(self, table: Table) -> None:
        """Without lines: it has to be read in a terminal of 100 columns."""
        rich = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for index, heading in enumerate(table.headings):
            rich.add_column(heading, justify="right" if index in table.numbers else "left", overflow="fold")
        for row in table.rows:
            rich.add_row(*(Text(printable(cell)) for cell in row))
        self.out.print(Padding(rich, (0, 0, 0, len(INDENT) + 2), expand=False))

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:  # type: ignore[override]
        """A bar that disappears at its end."""
        columns = (TextColumn(INDENT + "{task.description}"), BarColumn(), MofNCompleteColumn())
        terminal = self.out.stderr.is_terminal and not self.out.quiet
        with Progress(*columns, console=self.out.stderr, transient=True, disable=not terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)

    def end(self, seconds: float) -> None:
        """What has been shown, and where to read on."""
        self.out.print("")
        self.out.print(f"Done in {seconds:.0f} s", style="bold")
        self._lines(
            "Whoever can rewrite the log and the whole chain alike is caught only by what has left the\n"
            "database: docs/explanation/integrity.md says how far the proof goes.\n"
            "On a database of your own: `pgaudit-kit install`, then `pgaudit-kit enable`; see README.md."
        )

    def _lines(self, text: str, style: str | None = None) -> None:
        self.out.print(textwrap.indent(text, INDENT), style=style)

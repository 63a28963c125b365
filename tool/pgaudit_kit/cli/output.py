"""What a command prints: the answer on stdout, everything else on stderr, text or JSON."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TextIO, TypeVar

import click
import msgspec
from rich.console import Console, RenderableType

from pgaudit_kit.errors import KitError

JSON_VERSION = 1

F = TypeVar("F", bound=Callable[..., Any])
Text = RenderableType | Callable[[], RenderableType | None]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class KitConsole(Console):
    """A rich console that leaves a closed pipe to the caller, which ends quietly."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise: rich would end the process with 1, and 1 means that a check said no."""
        raise BrokenPipeError


class Output:
    """The two streams of one run; only cli/ holds one."""

    def __init__(self, *, color: bool = True, quiet: bool = False, verbose: int = 0) -> None:
        """Open both streams; `color` is a permission, a terminal that takes colours decides."""
        self.quiet = quiet
        self.verbose = verbose
        self.format = "text"
        self.stdout = _console(sys.stdout, color=color, stderr=False)
        self.stderr = _console(sys.stderr, color=color, stderr=True)

    @property
    def json(self) -> bool:
        """Whether the answer is JSON."""
        return self.format == "json"

    def emit(self, data: Mapping[str, Any], text: Text | None = None) -> None:
        """Print the answer: `data` as JSON, or `text` (or what calling it gives)."""
        if self.json:
            encoded = msgspec.json.encode({"version": JSON_VERSION, **data})
            self.stdout.file.write(msgspec.json.format(encoded, indent=2).decode() + "\n")
            self.stdout.file.flush()
            return
        rendered = text() if callable(text) else text
        if rendered is not None:
            self.print(rendered)

    def print(self, *renderables: RenderableType, style: str | None = None) -> None:
        """Print to stdout; a plain text keeps its brackets, and is never wrapped."""
        self.stdout.print(*_safe(renderables), style=style, soft_wrap=_plain(renderables))

    def info(self, *renderables: RenderableType, style: str | None = None) -> None:
        """Print to stderr unless -q was given."""
        if not self.quiet:
            self.stderr.print(*_safe(renderables), style=style, soft_wrap=_plain(renderables))

    def warn(self, message: str) -> None:
        """Print a warning to stderr."""
        self.stderr.print(f"warning: {printable(message)}", style="yellow", soft_wrap=True)

    def error(self, error: KitError, *, json: bool) -> None:
        """Print an error: to stderr for people, with --json as JSON to stdout."""
        if json:
            facts = {"id": error.id, "message": error.message, "hint": error.hint, "at": error.at}
            self.format = "json"
            self.emit({"error": facts})
            return
        print_line = self.stderr.print
        print_line(f"error[{error.id}]:", style="bold red", end=" ", soft_wrap=True)
        print_line(printable(error.message), soft_wrap=True)
        for label, value in (("at:  ", error.at), ("hint:", error.hint)):
            if value:
                print_line(f"  {label} {printable(value)}", soft_wrap=True)


def printable(text: str) -> str:
    """Show control characters as escapes: a name from a database must not steer the terminal."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def output_choice(*formats: str) -> Callable[[F], F]:
    """Options --output FORMAT and --json for a command that answers; the first format is the default."""

    def decorate(command: F) -> F:
        option = click.option(
            "--output",
            type=click.Choice(formats),
            default=formats[0],
            show_default=True,
            expose_value=False,
            callback=_choose,
            help="Form of the answer on stdout.",
        )
        short = click.option(
            "--json",
            is_flag=True,
            expose_value=False,
            callback=lambda ctx, param, value: _choose(ctx, param, "json" if value else None),
            help="Short for --output json.",
        )
        return option(short(command))

    return decorate


output_options = output_choice("text", "json")
"""`--output text|json` and `--json`; the command prints through `app.out.emit`."""


def _choose(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    from pgaudit_kit.cli.app import App

    app = ctx.find_object(App)
    if app is None or value is None:
        return
    if value == "json" or app.out.format != "json":  # --json wins over the default of --output
        app.out.format = value


def _console(stream: TextIO, *, color: bool, stderr: bool) -> Console:
    terminal = stream.isatty()
    color = color and terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    width = None if terminal else int(os.environ.get("COLUMNS") or 0) or 120
    return KitConsole(
        stderr=stderr,
        color_system="auto" if color else None,
        force_terminal=terminal,
        width=width,
        markup=False,
        highlight=False,
        emoji=False,
    )


def _plain(renderables: tuple[RenderableType, ...]) -> bool:
    return all(isinstance(renderable, str) for renderable in renderables)


def _safe(renderables: tuple[RenderableType, ...]) -> list[RenderableType]:
    return [printable(item) if isinstance(item, str) else item for item in renderables]

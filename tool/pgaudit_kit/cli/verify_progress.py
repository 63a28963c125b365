"""Progress bars of `verify`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pgaudit_kit import verify
from pgaudit_kit.cli.app import App

TASKS = {"blocks": "Blocks", "events": "Events", "tables": "Tables"}


@contextmanager
def progress_bars(app: App) -> Iterator[verify.Progress]:
    """A bar for each level, on a terminal alone; both are gone at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = app.out.stderr.is_terminal and not app.out.quiet
    with Progress(*columns, console=app.out.stderr, transient=True, disable=not shown) as bar:
        tasks = {name: bar.add_task(text, total=None) for name, text in TASKS.items()}
        yield lambda name, done, total: bar.update(tasks[name], completed=done, total=total)

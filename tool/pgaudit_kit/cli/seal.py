"""`pgaudit-kit seal`."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click
from psycopg import sql

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import require_installed


@click.command(name="seal")
@click.option("--every", "seconds", type=click.FloatRange(min=0.05), help="Go on sealing, every SECONDS.")
@output_options
@pass_app
def command(app: App, seconds: float | None) -> None:
    """Seal what has been committed into the hash chain.

    \b
    Example:
      pgaudit-kit seal
      pgaudit-kit seal --every 1
    """  # noqa: D301
    stop = threading.Event()
    if seconds is not None:
        signal.signal(signal.SIGTERM, lambda number, frame: _stop(stop, number, frame))
    total = 0
    with app.connect() as conn:
        require_installed(app, conn)
        query = sql.SQL("SELECT {}()").format(sql.Identifier(app.schema, "seal"))
        while True:
            row = conn.execute(query).fetchone()
            sealed = row[0] if row else 0
            total += sealed
            if seconds is None or stop.wait(seconds):
                break
            if sealed:
                app.out.info(f"Sealed {sealed:,} events.")
    app.out.emit({"sealed": total}, f"Sealed {total:,} events.")


def _stop(event: threading.Event, number: int, frame: FrameType | None) -> None:
    event.set()

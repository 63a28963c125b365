"""`pgaudit-kit seal`."""

from __future__ import annotations

import click

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.working import connect, make_log, stopped_by_signals
from pgaudit_kit.worker import Worker, require_seal, seal


@click.command(name="seal")
@click.option(
    "--every",
    "seconds",
    type=click.FloatRange(min=0.05),
    metavar="SECONDS",
    help="Go on sealing, until SIGTERM or Ctrl-C.",
)
@output_options
@pass_app
def command(app: App, seconds: float | None) -> None:
    """Seal what has been committed into the hash chain.

    Needs a member of pgaudit_kit_sealer. `pgaudit-kit run` keeps the partitions too.

    \b
    Example:
      pgaudit-kit seal
      pgaudit-kit seal --every 1
    """  # noqa: D301
    if seconds is None:
        with app.connect() as conn:
            require_seal(conn, app.schema)
            sealed = seal(conn, app.schema)
    else:
        with stopped_by_signals() as stop:
            worker = Worker(
                lambda: connect(app),
                app.schema,
                every=seconds,
                maintain_every=None,
                stop=stop,
                log=make_log(app),
            )
            sealed = worker.run().sealed
    app.out.emit({"sealed": sealed}, f"Sealed {sealed:,} events.")

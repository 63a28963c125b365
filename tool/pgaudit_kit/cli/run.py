"""`pgaudit-kit run`."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.signing_options import check_signing, make_signer
from pgaudit_kit.cli.systemd_unit import command_line, unit_text
from pgaudit_kit.cli.working import connect, make_log, stopped_by_signals
from pgaudit_kit.signing import SigningLoop
from pgaudit_kit.worker import MAINTAIN_EVERY_S, SEAL_EVERY_S, Log, Worker

SIGNING_ENDS_S = 30.0
"""How long an anchor is waited for at the end."""


@click.command(name="run")
@click.option(
    "--every",
    "seconds",
    type=click.FloatRange(min=0.05),
    default=SEAL_EVERY_S,
    metavar="SECONDS",
    help="How often to seal.",
)
@click.option("--systemd-unit", is_flag=True, help="Print a systemd unit that keeps this going, and end.")
@output_options
@pass_app
def command(app: App, seconds: float, systemd_unit: bool) -> int:
    """Keep sealing, signing, and the log's partitions ready, until told to stop.

    Signs where pgaudit.toml has a [signing] section. Says on stderr what it does (with --json a line of
    JSON each), connects again where the server was away, and ends with 0 on SIGTERM or Ctrl-C, after the
    seal that is under way; with 1 where it refused to sign a log that was rewritten or put back. Sealing
    needs a member of pgaudit_kit_sealer, signing one of pgaudit_kit_signer, partitions one of
    pgaudit_kit_owner. A second worker does no harm.

    \b
    Example:
      pgaudit-kit --dsn service=shop run
      pgaudit-kit run --systemd-unit > /etc/systemd/system/pgaudit-kit.service
    """  # noqa: D301
    if systemd_unit:
        unit = unit_text(command_line(app))
        app.out.emit({"unit": unit}, unit.rstrip("\n"))
        return 0
    log = make_log(app)
    with stopped_by_signals() as stop:
        worker = Worker(
            lambda: connect(app),
            app.schema,
            every=seconds,
            maintain_every=MAINTAIN_EVERY_S,
            stop=stop,
            log=log,
        )
        with signing_beside(app, stop, log) as signing:
            totals = worker.run()
    log.info("stopped")
    text = f"Sealed {totals.sealed:,} events, made {totals.partitions_made:,} partitions."
    facts = dataclasses.asdict(totals)
    if signing:
        facts["checkpoints_signed"] = signing.signed
        text = f"{text[:-1]}, signed {signing.signed:,} checkpoints."
    app.out.emit(facts, text)
    return 1 if signing and signing.forked else 0


@contextmanager
def signing_beside(app: App, stop: threading.Event, log: Log) -> Iterator[SigningLoop | None]:
    """Sign in a thread of its own while the body runs, where the configuration says how."""
    if not app.config or not app.config.signing:
        yield None
        return
    check_signing(app)  # what is wrong with the key is told before anything begins
    loop = SigningLoop(
        connect=lambda: connect(app),
        make_signer=lambda conn: make_signer(app, conn),
        every=app.config.signing.every_s,
        stop=stop,
        log=log,
    )
    loop.start()
    try:
        yield loop
    finally:
        stop.set()
        loop.join(SIGNING_ENDS_S)

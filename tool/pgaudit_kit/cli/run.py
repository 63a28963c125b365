"""`pgaudit-kit run`."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click
import structlog

from pgaudit_kit import db
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options, printable
from pgaudit_kit.config import DEFAULT_SCHEMA
from pgaudit_kit.worker import MAINTAIN_EVERY_S, SEAL_EVERY_S, Log, Worker


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
def command(app: App, seconds: float, systemd_unit: bool) -> None:
    """Keep sealing, and keep the log's partitions ready, until told to stop.

    Says on stderr what it does (with --json a line of JSON each), connects again where the server was
    away, and ends with 0 on SIGTERM or Ctrl-C, after the seal that is under way. Sealing needs a member of
    pgaudit_kit_sealer, partitions one of pgaudit_kit_owner. A second worker does no harm.

    \b
    Example:
      pgaudit-kit --dsn service=shop run
      pgaudit-kit run --systemd-unit > /etc/systemd/system/pgaudit-kit.service
    """  # noqa: D301
    if systemd_unit:
        unit = unit_text(_command_line(app))
        app.out.emit({"unit": unit}, unit.rstrip("\n"))
        return
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
        totals = worker.run()
    log.info("stopped")
    text = f"Sealed {totals.sealed:,} events, made {totals.partitions_made:,} partitions."
    app.out.emit(dataclasses.asdict(totals), text)


def connect(app: App) -> db.Connection:
    """One connection of a worker; says nothing, since its log does."""
    conn = db.connect(app.dsn, timeouts=app.timeouts)
    try:
        db.check_server(conn)
    except BaseException:
        conn.close()
        raise
    return conn


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set instead of ending the process."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_log(app: App) -> Log:
    """Lines on stderr, for people or as JSON; with -q warnings alone."""
    renderer: Any = structlog.processors.JSONRenderer() if app.out.json else _render
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(file=sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.WARNING if app.out.quiet else logging.INFO
        ),
    )
    return log


def _render(logger: object, method: str, facts: dict[str, Any]) -> str:
    time, level, event = (facts.pop(name) for name in ("timestamp", "level", "event"))
    more = "".join(f"  {name}={printable(str(value))}" for name, value in facts.items())
    return f"{time}  {level:<7}  {event}{more}"


def _command_line(app: App) -> list[str]:
    program = shutil.which("pgaudit-kit") or sys.argv[0]
    words = [program]
    if app.config_option is not None:
        words += ["--config", str(app.config_option.absolute())]
    if app.schema_option is not None and app.schema_option != DEFAULT_SCHEMA:
        words += ["--schema", app.schema_option]
    return [*words, "run", "--json"]


def unit_text(words: Sequence[str]) -> str:
    """A systemd unit that runs this command; where the database is, a file of its own says."""
    return f"""\
[Unit]
Description=pgaudit-kit: seals the audit log and keeps its partitions ready
Wants=network-online.target
After=network-online.target postgresql.service

[Service]
Type=exec
# Where the database is: PGAUDIT_KIT_DSN=… in this file, readable by root alone (passwords: ~/.pgpass).
EnvironmentFile=-/etc/pgaudit-kit.env
# An account whose database role is a member of pgaudit_kit_owner.
User=postgres
ExecStart={" ".join(_quoted(word) for word in words)}
Restart=on-failure
RestartSec=5
TimeoutStopSec=60
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only

[Install]
WantedBy=multi-user.target
"""


def _quoted(word: str) -> str:
    """A word as systemd reads it: % and $ are its own."""
    word = word.replace("%", "%%").replace("$", "$$")
    if word and not set(word) & set(" \t\"'\\;"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""What commands that go on until they are told to stop have in common."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import structlog

from pgaudit_kit import db
from pgaudit_kit.cli.app import App
from pgaudit_kit.cli.output import printable
from pgaudit_kit.worker import Log


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

"""One measurement from beginning to end; whatever happens, what it made is taken away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from pgaudit_kit.bench import scratch as places
from pgaudit_kit.bench.copies import Copies, Rows, declaration_of
from pgaudit_kit.bench.figures import Report
from pgaudit_kit.bench.kit import install
from pgaudit_kit.bench.measure import Progress, measure
from pgaudit_kit.bench.scratch import Scratch
from pgaudit_kit.bench.source import Source, read_source
from pgaudit_kit.config import Config
from pgaudit_kit.db import Connection, run_ddl
from pgaudit_kit.errors import DatabaseError, KitError
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render import Templates
from pgaudit_kit.timeouts import Timeouts


class ScratchLeft(DatabaseError):
    """What the measurement made could not be taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be measured, and how thoroughly."""

    table: QualifiedName
    config: Config | None = None
    place: str | None = None
    """What the configuration file is called."""
    rows: int = 1000
    rounds: int = 120
    changed: tuple[str, ...] = ()
    """Columns that an UPDATE changes; none: two are chosen."""


def bench(
    conn: Connection,
    schema: str,
    request: Request,
    *,
    timeouts: Timeouts,
    connect: Callable[[], Connection],
    progress: Progress = lambda done, of: None,
) -> Report:
    """Measure. `connect` opens another connection, to tidy up where this one is lost.

    Raises ConfigError where the table cannot be audited, Inconclusive where it cannot be measured,
    ScratchLeft (with what to run by hand) where something of it is left.
    """
    source = read_source(conn, schema, request.table, request.config, request.place)
    scratch = Scratch.fresh()
    with places.held(conn, scratch), _tidied(conn, scratch, timeouts, connect):
        rows = _prepare(conn, schema, scratch, source, request, timeouts)
        # Commits wait for no disk: what is compared is work, not this server's storage.
        conn.execute("SELECT set_config('synchronous_commit', 'off', false)")
        costs = measure(conn, scratch, rows, rounds=request.rounds, progress=progress)
    return Report(
        table=request.table.display,
        declared_in=source.declared_in,
        declaration=declaration_of(source),
        capture="specialised" if source.spec.specialised else "generic",
        server=conn.info.parameter_status("server_version") or "",
        rows=rows.count,
        made_up=rows.made_up,
        changed_columns=tuple(column.name for column in rows.changed),
        costs=costs,
        notes=(*source.notes, *_notes(source, rows)),
    )


def _prepare(
    conn: Connection, schema: str, scratch: Scratch, source: Source, request: Request, timeouts: Timeouts
) -> Rows:
    places.create(conn, scratch, own_role=source.facts.superuser, timeouts=timeouts)

    def copy(conn: Connection) -> Rows:
        return Copies(conn, Templates(schema), scratch, source).make(request.rows, request.changed)

    # The table is locked, as by any SELECT, until its rows are copied; not while the kit is installed.
    rows = run_ddl(conn, copy, timeouts=timeouts)
    run_ddl(conn, lambda conn: install(conn, scratch, source), timeouts=timeouts)
    return rows


def _notes(source: Source, rows: Rows) -> Iterator[str]:
    if source.unreadable is not None:
        yield f"Its rows were not read. {source.unreadable}"
    elif rows.made_up:
        yield f"{source.table.name.display} has no rows: some were made up, by the types of its columns."
    if not rows.changed:
        yield "No UPDATE was measured: there is no column that could be changed and recorded."


@contextmanager
def _tidied(
    conn: Connection, scratch: Scratch, timeouts: Timeouts, connect: Callable[[], Connection]
) -> Iterator[None]:
    """Drop what is in the scratch after the block, also where SIGTERM or Ctrl-C ends it."""
    failed: BaseException | None = None
    try:
        with _signals({signal.SIGTERM: signal.default_int_handler}):
            yield
    except BaseException as error:
        failed = error
        raise
    finally:
        # A second Ctrl-C does not keep it from being removed.
        with _signals({signal.SIGTERM: signal.SIG_IGN, signal.SIGINT: signal.SIG_IGN}):
            _drop_or_tell(conn, scratch, timeouts, connect, failed)


def _drop_or_tell(
    conn: Connection,
    scratch: Scratch,
    timeouts: Timeouts,
    connect: Callable[[], Connection],
    error: BaseException | None,
) -> None:
    try:
        if conn.info.transaction_status == TransactionStatus.ACTIVE:  # interrupted before it could wait
            conn.cancel()
            conn.close()
        if conn.closed:
            with connect() as other:
                places.drop(other, scratch, timeouts=timeouts)
        else:
            conn.rollback()
            places.drop(conn, scratch, timeouts=timeouts)
    except (KitError, psycopg.Error) as failure:
        why = failure.message if isinstance(failure, KitError) else str(failure).strip()
        raise ScratchLeft(
            f"What the measurement made is left in the database: {why}",
            hint=f"The next `pgaudit-kit bench` removes it; or run: {scratch.by_hand}",
        ) from (error or failure)


@contextmanager
def _signals(handlers: Mapping[int, Any]) -> Iterator[None]:
    """These handlers for the block; other threads than the main one have none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

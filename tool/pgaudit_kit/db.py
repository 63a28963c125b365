"""Connections and what every command needs of them: time limits, back-off, errors in the kit's terms."""

from __future__ import annotations

import os
import re
import select
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import psycopg
import stamina
from psycopg import conninfo, errors

from pgaudit_kit.errors import (
    DatabaseError,
    InsufficientPrivilege,
    KitError,
    LockTimeout,
    ReadOnlyServer,
    Refused,
    ServerUnreachable,
    SharedConnection,
    StatementTimeout,
    UnsupportedEncoding,
    UnsupportedServer,
    UsageError,
)
from pgaudit_kit.timeouts import Timeouts

APPLICATION_NAME = "pgaudit-kit"
MIN_SERVER_VERSION = 140000
DDL_ATTEMPTS = 8
"""With the waits between them about 20 s, plus lock_timeout for each."""

SHARING_PROBES = 5
SHARING_WAIT_S = 5.0

T = TypeVar("T")
Connection = psycopg.Connection[Any]

# What a role, a database or a hostile ALTER ROLE SET must not change under the kit's own statements.
# Reading waits for a lock too, where somebody alters the table; it must not wait for ever.
_PINNED = {
    "search_path": "pg_catalog, pg_temp",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "row_security": "on",
    "quote_all_identifiers": "off",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "lock_timeout": "30s",
    "jit": "off",  # compiling a question about the catalogs takes longer than answering it
}
_SET = """
SELECT pg_catalog.set_config(s.name, s.value, false)
FROM ROWS FROM (
    pg_catalog.unnest(%s::pg_catalog.text[]), pg_catalog.unnest(%s::pg_catalog.text[])
) AS s (name, value)
"""


def connect(dsn: str, *, timeouts: Timeouts, read_only: bool = False) -> Connection:
    """Open a connection in autocommit mode; what libpq knows (PG* variables, .pgpass) completes the DSN.

    The session's search_path is pg_catalog, pg_temp: every other name must be written with its schema.
    Raises SharedConnection: these settings would come to stand in other clients' transactions.
    """
    parameters = _parameters(dsn, timeouts)
    with translated():
        conn: Connection = psycopg.connect(**parameters, autocommit=True)
        try:
            _refuse_shared(conn, parameters)
            settings = {**_PINNED, "statement_timeout": str(timeouts.statement_ms)}
            if read_only:
                settings["default_transaction_read_only"] = "on"
            conn.execute(_SET, (list(settings), list(settings.values())))
        except BaseException:
            conn.close()
            raise
        return conn


def _refuse_shared(conn: Connection, parameters: dict[str, Any]) -> None:
    """Raise SharedConnection behind a pooler in transaction mode, before anything is set there.

    A pooler tells a process number of its own. Whether it keeps one session for each client shows in two
    ways: on a busy pool ours changes, on an idle one a second client gets the one that we had.
    """
    ours = {_backend(conn)}
    if ours == {conn.info.backend_pid}:
        return
    theirs: set[int] = set()
    with closing(psycopg.connect(**parameters, autocommit=True)) as other:
        for _ in range(SHARING_PROBES):
            backend = _backend(other, SHARING_WAIT_S)
            if backend is None:
                return  # it waits until we go: a session is ours alone
            theirs.add(backend)
            ours.add(_backend(conn))
            if len(ours) > 1 or len(theirs) > 1 or ours & theirs:
                raise SharedConnection


def _backend(conn: Connection, wait_s: float | None = None) -> int | None:
    """The process that serves this connection now; None where it is not said within that time.

    A pool in session mode that is used up makes its next client wait.
    """
    conn.pgconn.send_query(b"SELECT pg_catalog.pg_backend_pid()")
    if not select.select([conn.pgconn.socket], [], [], wait_s)[0]:
        return None
    answer = conn.pgconn.get_result()
    while conn.pgconn.get_result() is not None:
        pass
    value = answer.get_value(0, 0) if answer is not None else None
    return int(value) if value is not None else None


def _parameters(dsn: str, timeouts: Timeouts) -> dict[str, Any]:
    try:
        parameters = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        # libpq repeats the text that it cannot read, password and all: only one message is safe to show.
        option = re.search(r'invalid (?:connection option|URI query parameter):? "\w*"', str(error))
        raise UsageError(
            f"The DSN cannot be read: {option[0] if option else 'neither a URI nor key=value pairs'}.",
            hint="Write postgresql://user@host/database (special characters as %XX) or host=… dbname=….",
        ) from None
    if "connect_timeout" not in parameters and "PGCONNECT_TIMEOUT" not in os.environ:
        parameters["connect_timeout"] = timeouts.connect_s
    return {**parameters, "application_name": APPLICATION_NAME, "client_encoding": "UTF8"}


def target_line(conn: Connection) -> str:
    """Where the connection leads, without its password: `host:port/database as user`."""
    info = conn.info
    return f"{info.host or info.hostaddr}:{info.port}/{info.dbname} as {info.user}"


def check_server(conn: Connection) -> None:
    """Refuse servers and databases in which the kit cannot keep its promises."""
    info = conn.info
    if info.server_version < MIN_SERVER_VERSION:
        version = info.parameter_status("server_version")
        raise UnsupportedServer(f"The server is PostgreSQL {version}, older than 14.")
    if info.parameter_status("server_encoding") == "SQL_ASCII":
        raise UnsupportedEncoding


def run_ddl(conn: Connection, work: Callable[[Connection], T], *, timeouts: Timeouts) -> T:
    """Run `work` in one transaction with a short lock_timeout, again with back-off while locks are held.

    A long wait for a lock would make every later query on the table wait behind it.
    """
    retries = stamina.retry_context(
        on=(errors.LockNotAvailable, errors.DeadlockDetected),
        attempts=DDL_ATTEMPTS,
        timeout=60.0,
        wait_initial=0.2,
        wait_max=5.0,
    )
    with translated():
        for attempt in retries:
            with attempt, conn.transaction():
                conn.execute(
                    "SELECT pg_catalog.set_config('lock_timeout', %s, true)", (str(timeouts.lock_ms),)
                )
                return work(conn)
    raise AssertionError("stamina yields at least one attempt")


@contextmanager
def translated() -> Iterator[None]:
    """Raise KitError in place of what psycopg raises inside."""
    try:
        yield
    except psycopg.Error as error:
        raise kit_error(error) from error


_BY_STATE: dict[str, type[DatabaseError]] = {
    "42501": InsufficientPrivilege,
    "25006": ReadOnlyServer,
    "55P03": LockTimeout,
    "57014": StatementTimeout,
    "57P01": ServerUnreachable,
    "57P03": ServerUnreachable,
    "0A000": Refused,
}


def kit_error(error: psycopg.Error) -> KitError:
    """The same fact in the kit's terms, without passwords."""
    diag = error.diag
    message = _without_password(diag.message_primary or str(error).strip().split("\n")[0])
    state = error.sqlstate
    if state is None:
        kind = ServerUnreachable if isinstance(error, psycopg.OperationalError) else DatabaseError
    else:
        kind = _BY_STATE.get(state, DatabaseError)
    if kind is DatabaseError and state:
        message = f"{message} (SQLSTATE {state})"
    return kind(message, hint=diag.message_hint)


def _without_password(message: str) -> str:
    message = re.sub(r"://([^:@/\s]*):[^@\s]*@", r"://\1:***@", message)
    return re.sub(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", r"\1***", message)

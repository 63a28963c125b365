"""The errors that a user can meet. The docstring is the default message, `hint` the way out.

Exit codes: 2 wrong usage or configuration, 3 the database cannot be reached or refused,
4 the check could not be concluded, 130 the user stopped it. Code 1 is no error but an
answer: a check that says no returns it without raising.
"""

from __future__ import annotations

import inspect
import re
from typing import ClassVar


class KitError(Exception):
    """The command could not be completed."""

    id: ClassVar[str] = "kit-error"
    exit_code: int = 4
    hint: str | None = None
    at: str | None = None

    def __init__(self, message: str | None = None, *, hint: str | None = None, at: str | None = None) -> None:
        """Take the class's message and hint where none is given; `at` says where the cause stands."""
        self.message = message or inspect.cleandoc(type(self).__doc__ or "")
        super().__init__(self.message)
        if hint is not None:
            self.hint = hint
        if at is not None:
            self.at = at

    def __init_subclass__(cls) -> None:
        """Derive the stable id from the class name: NoPrimaryKey is `no-primary-key`."""
        cls.id = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


class UsageError(KitError):
    """The command was used in a way that it does not understand."""

    exit_code = 2


class ConfigError(KitError):
    """The configuration is wrong."""

    exit_code = 2


class AbsentTable(ConfigError):
    """The table does not exist."""

    hint = "Check the spelling and the schema; names in upper case need double quotes."


class NoPrimaryKey(ConfigError):
    """The table has no primary key."""

    hint = "Add a primary key, or name the columns that identify a row: --key, or key in pgaudit.toml."


class FileError(KitError):
    """A file could not be read or written."""

    exit_code = 2


class MissingExtra(KitError):
    """An optional part of pgaudit-kit is not installed."""

    exit_code = 2


class DatabaseError(KitError):
    """The database reported an error."""

    exit_code = 3


class ServerUnreachable(DatabaseError):
    """The database server cannot be reached."""

    hint = "Check --dsn, PGAUDIT_KIT_DSN or the PG* variables, and that the server accepts connections."


class SharedConnection(DatabaseError):
    """A connection pooler gives the server's session to other clients between transactions."""

    hint = (
        "The kit keeps settings in its session: connect to the server itself, or to a pool in session mode."
    )


class UnsupportedServer(DatabaseError):
    """The server is older than PostgreSQL 14."""

    hint = "Upgrade the server: pgaudit-kit needs PostgreSQL 14 or later."


class UnsupportedEncoding(DatabaseError):
    """The database's encoding is SQL_ASCII, which does not say what its bytes mean."""

    hint = "Create the database anew with ENCODING 'UTF8' and load a dump into it."


class Refused(DatabaseError):
    """The database refused the command."""


class InsufficientPrivilege(Refused):
    """The role lacks a privilege that this needs."""

    hint = "Connect as a role that has it, or grant it; `pgaudit-kit doctor` lists what is missing."


class ReadOnlyServer(Refused):
    """The server accepts only reading transactions."""

    hint = "Connect to the primary (target_session_attrs=read-write), or lift default_transaction_read_only."


class LockTimeout(Refused):
    """A lock could not be had in time."""

    hint = "Try again when long transactions have ended, or raise timeouts.lock in pgaudit.toml."


class StatementTimeout(Refused):
    """The server cancelled the statement, as its time limit or an administrator asked."""

    hint = "Raise timeouts.statement in pgaudit.toml, or the server's own limit."


class Inconclusive(KitError):
    """The check could not be concluded."""

    exit_code = 4


class NotInstalled(Inconclusive):
    """The kit is not installed in this database."""

    hint = "Run `pgaudit-kit install`, or name the schema it is in with --schema."


class InternalError(KitError):
    """Something went wrong that pgaudit-kit did not foresee."""

    exit_code = 4
    hint = "Run the command again with -vv for a traceback, and report it."


class Cancelled(KitError):
    """Cancelled; nothing was changed."""

    exit_code = 130

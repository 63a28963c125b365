"""The operating system account that a server runs as, and what it can reach."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgaudit_kit.server.errors import NoServerAccount

PREFERRED = ("postgres", "nobody")  # nobody last: other programs run as it too


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server. `switch`: we are root and have to become it first."""

    name: str
    uid: int
    gid: int
    switch: bool

    def subprocess_options(self) -> dict[str, Any]:
        """Keyword arguments that make subprocess run a program as this account."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": [self.gid]}


def server_account(name: str | None = None) -> Account:
    """Picks the account: ourselves, or as root `name`, else postgres, else nobody.

    Raises NoServerAccount: `name` is unknown, is root, or is not ours and we are not root;
    our own user id has no name (initdb insists on one).
    """
    if os.geteuid() != 0:
        return _ourselves(name)
    for candidate in [name] if name else PREFERRED:
        try:
            entry = pwd.getpwnam(candidate)
        except KeyError:
            continue
        if entry.pw_uid == 0:
            raise NoServerAccount(f"PostgreSQL refuses to run as {candidate}.")
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
    if name:
        raise NoServerAccount(f"There is no account named {name}.")
    raise NoServerAccount()


def owner_account(path: Path, wanted: str | None = None) -> Account:
    """The account that owns `path`, which must be the one to run a server on it.

    Raises NoServerAccount: it belongs to root, to somebody else and we are not root, or to
    another account than `wanted`.
    """
    status = path.stat()
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        name = str(status.st_uid)
    ours = os.geteuid()
    if status.st_uid == 0 or ours not in (0, status.st_uid):
        raise NoServerAccount(
            f"{path} belongs to {name}, and no server of ours can run as {name}.",
            hint="Run this as its owner, or choose another folder with --data-dir.",
        )
    if wanted not in (None, name):
        raise NoServerAccount(f"{path} belongs to {name}, so the server cannot run as {wanted}.")
    return Account(name, status.st_uid, status.st_gid, switch=ours == 0)


def can_reach(account: Account, folder: Path) -> bool:
    """Tells whether the account may enter `folder` by its path, going by permission bits."""
    return all(_can_enter(account, step) for step in _steps(folder.resolve()))


def _ourselves(name: str | None) -> Account:
    uid = os.geteuid()
    try:
        own = pwd.getpwuid(uid).pw_name
    except KeyError:
        raise NoServerAccount(
            f"User id {uid} has no name, and initdb refuses to work without one.",
            hint="Add a line for it to /etc/passwd.",
        ) from None
    if name not in (None, own):
        raise NoServerAccount(f"Only root can run the server as {name}.")
    return Account(own, uid, os.getegid(), switch=False)


def _steps(folder: Path) -> Iterable[Path]:
    return [*reversed(folder.parents), folder]


def _can_enter(account: Account, folder: Path) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)

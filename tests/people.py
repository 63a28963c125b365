"""Running the kit as somebody else than the tests."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import pgaudit_kit

SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class OrdinaryUser:
    """How to run Python with the kit as a user who is not root."""

    python: tuple[str, ...]
    pythonpath: str
    uid: int | None  # None: files of ours are theirs

    def run(self, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `python ARGUMENTS...` with that home folder and nothing of our environment."""
        account: dict[str, Any] = {}
        if self.uid is not None:
            account = {"user": self.uid, "group": pwd.getpwuid(self.uid).pw_gid, "extra_groups": []}
        return subprocess.run(
            [*self.python, *arguments],
            cwd="/",
            env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": self.pythonpath},
            capture_output=True,
            text=True,
            timeout=120,
            **account,
        )


@functools.cache
def ordinary_user() -> OrdinaryUser:
    """Ourselves, or if we are root nobody; skips where nobody can run Python with the kit.

    Root's Python may be where only root can read it; then the system's serves, or a user
    namespace, in which we are not root and yet can read it.
    """
    ours = str(Path(pgaudit_kit.__file__).parents[1])
    libraries = os.pathsep.join([ours, str(Path(psycopg.__file__).parents[1])])
    if os.geteuid() != 0:
        return OrdinaryUser((sys.executable,), libraries, None)
    nobody = pwd.getpwnam("nobody")
    namespace = ["unshare", "-U", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}"]
    candidates = [
        OrdinaryUser((sys.executable,), libraries, nobody.pw_uid),
        OrdinaryUser((SYSTEM_PYTHON,), libraries, nobody.pw_uid),
        OrdinaryUser((*namespace, sys.executable), libraries, None),
    ]
    for candidate in candidates:
        if shutil.which(candidate.python[0]) and _serves(candidate):
            return candidate
    pytest.skip("no Python that both root and an ordinary user can read")


@contextmanager
def open_folder(owner: int | None = None) -> Iterator[Path]:
    """A temporary folder with a short path, which every account can enter, unlike tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="kit-", dir="/tmp")).resolve()
    try:
        folder.chmod(0o755)
        if owner is not None:
            os.chown(folder, owner, -1)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serves(user: OrdinaryUser) -> bool:
    check = (
        f"import sys, psycopg, pgaudit_kit.cli.server; assert sys.version_info[:2] == {sys.version_info[:2]}"
    )
    try:
        return user.run(Path("/"), "-c", check).returncode == 0
    except OSError:
        return False

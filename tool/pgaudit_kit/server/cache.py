"""A copy of server programs where every account can read them, made as root.

The programs may be under a folder that only root can enter, such as an environment in root's
home. Opening that folder to everybody would be worse than a copy.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

CACHE = Path("/var/cache/pgaudit-kit")
SHARED = {Path("/"), Path("/usr"), Path("/usr/local")}  # not one installation; never copied


def readable_copy(bindir: Path, cache: Path = CACHE) -> Path:
    """The bin folder of a copy of the installation that `bindir` belongs to.

    The copy is made once for each state of the original, belongs to us, and appears under its
    name only when it is complete.

    Raises OSError.
    """
    if bindir.parent in SHARED:
        raise PermissionError(f"{bindir} is not the bin folder of an installation of its own")
    target = cache / f"binaries-{_state(bindir)}"
    prefix, *others = _parts(bindir)
    # Programs find their libraries by paths relative to themselves, across this common folder.
    common = Path(os.path.commonpath([prefix.parent, *(other.parent for other in others)]))
    copied = target / bindir.relative_to(common)
    if (copied / "postgres").is_file():
        return copied
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".binaries-", dir=cache))
    try:
        for part in (prefix, *others):
            shutil.copytree(part, unfinished / part.relative_to(common), symlinks=True)
        _open_to_all(unfinished)
        try:
            unfinished.rename(target)
        except OSError:
            if not copied.is_dir():  # otherwise another process was faster
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return copied


def _parts(bindir: Path) -> Iterable[Path]:
    """The installation that `bindir` is the bin folder of, then where its libraries are."""
    prefix = bindir.parent
    yield prefix
    package = prefix.parent
    for bundled in (package.parent / f"{package.name}.libs", package / ".dylibs"):
        if bundled.is_dir():
            yield bundled


def _state(bindir: Path) -> str:
    """Names the original: its path and the dates and sizes of its programs."""
    digest = hashlib.sha256(os.fsencode(bindir))
    for program in sorted(bindir.iterdir()):
        status = program.stat()
        digest.update(f"\0{program.name}\0{status.st_size}\0{status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _open_to_all(root: Path) -> None:
    """Lets everybody read the copy and, where the owner may execute, execute it."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)

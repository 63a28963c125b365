"""pg_partman 5.x for the tests: Debian 12 has 4.7 only, so its files are taken out of Debian 13's package.

They are SQL and a control file, the same for every major version and machine; nothing is installed. The
package comes from the mirror that this machine's apt already uses, checked against Debian's key, and
is kept in build/partman until `make clean`. Where that does not work the tests of 5.x are skipped with the
reason; PGAUDIT_KIT_REQUIRE_PARTMAN=4,5 makes that, or a missing 4.x, a failure.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "postgresql-17-partman"
SUITE = "trixie"
MAJOR = "5."
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CACHE = Path(__file__).parents[2] / "build" / "partman"


class NotThere(Exception):
    """There is no pg_partman 5.x to be had; says why."""


def required() -> frozenset[str]:
    """The major versions that have to be there."""
    value = os.environ.get("PGAUDIT_KIT_REQUIRE_PARTMAN", "")
    return frozenset(word.strip() for word in value.split(",") if word.strip())


@functools.cache
def extension_folder() -> Path:
    """A folder with `extension/pg_partman.control` and its SQL files, where any account can read them.

    Raises NotThere.
    """
    kept = CACHE / "extension"
    if not kept.is_dir():
        _fetch(kept)
    # the server runs as somebody who may not be able to read this folder
    readable = Path(tempfile.mkdtemp(prefix="pgaudit-kit-partman-"))
    shutil.copytree(kept, readable / "extension")
    for older in Path("/usr/share/postgresql").glob("*/extension/pg_partman--4.7.2.sql"):
        shutil.copy(older, readable / "extension")  # so that 4.7 can be created, and updated
    readable.chmod(0o755)
    return readable


def _fetch(target: Path) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb") or not KEYRING.is_file():
        raise NotThere("no Debian: apt-get, dpkg-deb or Debian's keyring is missing")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        folder = Path(name)
        options = _apt_options(folder)
        (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main\n")
        _run("apt-get", *options, "-qq", "update", cwd=folder)
        _run("apt-get", *options, "-qq", "download", PACKAGE, cwd=folder)
        (package,) = folder.glob(f"{PACKAGE}_*.deb")
        if not package.name.startswith(f"{PACKAGE}_{MAJOR}"):
            raise NotThere(f"{package.name} is not {MAJOR}x")
        _run("dpkg-deb", "-x", str(package), str(folder / "unpacked"), cwd=folder)
        (control,) = (folder / "unpacked").rglob("pg_partman.control")
        with_others = folder / "extension"
        shutil.copytree(control.parent, with_others)
        try:
            with_others.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first
                raise


def _apt_options(folder: Path) -> list[str]:
    for part in ("state/lists/partial", "cache/archives/partial", "parts"):
        (folder / part).mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "parts",
        "Dir::State": folder / "state",
        "Dir::State::status": os.devnull,
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """The mirror of Debian's main archive that this machine uses."""
    lines = _run(
        "apt-get", "indextargets", "--format", "$(COMPONENT) $(REPO_URI)", "Created-By: Packages"
    ).split("\n")
    for line in lines:
        component, _, uri = line.partition(" ")
        if component == "main" and uri.rstrip("/").endswith("/debian"):
            return uri
    raise NotThere("apt knows no mirror of Debian")


def _run(*words: str, cwd: Path | None = None) -> str:
    try:
        answer = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=180, check=True)
    except subprocess.CalledProcessError as error:
        raise NotThere(f"{words[0]}: {(error.stderr or error.stdout).strip().splitlines()[-1:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotThere(f"{words[0]}: {error}") from error
    return answer.stdout

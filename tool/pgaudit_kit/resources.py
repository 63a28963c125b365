"""The SQL files that are packaged with the kit, by their path below sql/, triggers/ and migrations/."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable


def sql_text(path: str) -> str:
    """The text of one file below sql/, for example `functions/seal.sql`."""
    return _text("pgaudit_kit.sql", path)


def trigger_text(path: str) -> str:
    """The text of one template below triggers/."""
    return _text("pgaudit_kit.triggers", path)


def sql_paths(under: str = "") -> list[str]:
    """The paths of all .sql files below sql/ (or a folder of it), sorted."""
    return _paths("pgaudit_kit.sql", under)


def trigger_paths() -> list[str]:
    """The paths of all .sql files below triggers/, sorted."""
    return _paths("pgaudit_kit.triggers", "")


def migrations_folder() -> str:
    """The folder that Alembic takes as its script_location."""
    return str(files("pgaudit_kit.migrations"))


@functools.cache
def _text(package: str, path: str) -> str:
    return files(package).joinpath(path).read_text(encoding="utf-8")


def _paths(package: str, under: str) -> list[str]:
    root = files(package)
    folder = root.joinpath(under) if under else root
    prefix = f"{under.rstrip('/')}/" if under else ""
    return sorted(prefix + path for path in _walk(folder))


def _walk(folder: Traversable) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from (f"{entry.name}/{path}" for path in _walk(entry))
        elif entry.name.endswith(".sql"):
            yield entry.name

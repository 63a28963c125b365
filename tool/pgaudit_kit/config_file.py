"""Writes single tables into pgaudit.toml and takes them out; the rest stays as its author wrote it."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tomlkit
from tomlkit.items import Table

from pgaudit_kit import config as configuration
from pgaudit_kit.config import OPERATIONS, TableConfig
from pgaudit_kit.names import QualifiedName

_HEADER = re.compile(r"\s*\[\[?[^\[\],]+\]\]?\s*(#.*)?$")
_START = re.compile(r"\s*\[\[\s*tables\s*\]\]")
_PART = re.compile(r"\s*\[\[?\s*tables\s*\.")
_INLINE = re.compile(r"^\s*tables\s*=", re.MULTILINE)


class Edit:
    """A changed file that lies ready beside the old one; `commit` puts it in its place in one step."""

    def __init__(self, path: Path, temporary: Path | None) -> None:
        """Take the file and what shall replace it; None: it says so already."""
        self.path = path
        self._temporary = temporary

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self._temporary is not None

    def commit(self) -> None:
        """Replace the file."""
        if self._temporary is not None:
            os.replace(self._temporary, self.path)
            self._temporary = None

    def discard(self) -> None:
        """Leave the file as it is."""
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None


@contextmanager
def edited(
    path: Path, *, put: Iterable[TableConfig] = (), remove: Iterable[QualifiedName] = ()
) -> Iterator[Edit]:
    """Prepare to declare the tables `put`, in place of what is declared about them, and to `remove` others.

    What cannot be written, or would not be read back, is an error here, before anything has been done.
    """
    path = path.resolve()  # a link stays a link
    with open(path, encoding="utf-8-sig", newline="") as file:
        before = file.read()
    text = before
    for table in put:
        text = _with(text, table)
    for name in remove:
        text = _without(text, name)
    edit = Edit(path, _written_beside(path, text) if text != before else None)
    try:
        yield edit
    finally:
        edit.discard()


def _with(text: str, table: TableConfig) -> str:
    lines = _lines(text)
    newline = "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"
    entry = f"[[tables]]\n{_entry(table).as_string()}".replace("\n", newline)
    found = _block(lines, table.table)
    if found is not None:
        return "".join([*lines[: found.start], entry, *lines[found.stop :]])
    if lines and not lines[-1].endswith("\n"):
        lines.append(newline)
    return "".join([*lines, newline if lines else "", entry])


def _without(text: str, name: QualifiedName) -> str:
    lines = _lines(text)
    found = _block(lines, name)
    if found is None:
        return text
    stop = found.stop
    while stop < len(lines) and not lines[stop].strip():
        stop += 1
    return "".join([*lines[: found.start], *lines[stop:]])


def _lines(text: str) -> list[str]:
    """The lines of a file whose tables are listed as [[tables]]; an inline array is written anew so."""
    if not _INLINE.search(text):
        return text.splitlines(keepends=True)
    document = tomlkit.parse(text)
    listed = tomlkit.aot()
    for item in document.pop("tables"):
        table = tomlkit.table()
        table.update(item)
        listed.append(table)
    if listed:
        document.append("tables", listed)
    return tomlkit.dumps(document).splitlines(keepends=True)


def _block(lines: list[str], name: QualifiedName) -> range | None:
    """The lines that declare this table; comments and empty lines after them belong to what follows."""
    number = _number(lines, name)
    if number is None:
        return None
    start = [index for index, line in enumerate(lines) if _START.match(line)][number]
    stop = next(
        (i for i in range(start + 1, len(lines)) if _HEADER.match(lines[i]) and not _PART.match(lines[i])),
        len(lines),
    )
    while not lines[stop - 1].strip() or lines[stop - 1].lstrip().startswith("#"):
        stop -= 1
    return range(start, stop)


def _number(lines: list[str], name: QualifiedName) -> int | None:
    for number, entry in enumerate(tomllib.loads("".join(lines)).get("tables", ())):
        if QualifiedName.parse(str(entry["name"])) == name:
            return number
    return None


def _entry(table: TableConfig) -> Table:
    entry = tomlkit.table()
    entry.add("name", table.name)
    if table.tenant is not None:
        tenant = tomlkit.inline_table()
        for kind in ("column", "setting", "value", "via"):
            if (name := getattr(table.tenant, kind)) is not None:
                tenant.add(kind, name)
        entry.add("tenant", tenant)
    for label in ("exclude", "personal"):
        if values := getattr(table, label):
            entry.add(label, list(values))
    if table.subject is not None:
        entry.add("subject", table.subject)
    if set(table.operations) != set(OPERATIONS):
        entry.add("operations", list(table.operations))
    if table.key:
        entry.add("key", list(table.key))
    if table.bulk:
        entry.add("bulk", table.bulk)
    if isinstance(table.when, str):
        entry.add("when", table.when)
    elif table.when is not None:
        each = tomlkit.inline_table()
        for operation in ("insert", "update", "delete"):
            if (condition := getattr(table.when, operation)) is not None:
                each.add(operation, condition)
        entry.add("when", each)
    return entry


def _written_beside(path: Path, text: str) -> Path:
    """A file with this text, and the old one's mode and owner, in the same folder."""
    configuration.parse(text, where=path.name)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        old = path.stat()
        os.chmod(name, old.st_mode & 0o777)
        with contextlib.suppress(PermissionError):
            os.chown(name, old.st_uid, old.st_gid)
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)

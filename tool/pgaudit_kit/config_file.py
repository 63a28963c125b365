"""Writes single tables into pgaudit.toml and takes them out; the rest stays as its author wrote it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import tomlkit
from tomlkit.items import AoT, Table

from pgaudit_kit import config as configuration
from pgaudit_kit.config import OPERATIONS, TableConfig
from pgaudit_kit.names import QualifiedName


def put_tables(path: Path, tables: Iterable[TableConfig]) -> None:
    """Declare these tables, in place of what was declared about them."""
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    listed = _listed(document)
    for table in tables:
        entry = _entry(table)
        position = _position(listed, table.table)
        if position is None:
            listed.append(entry)
        else:
            listed[position] = entry
    _write(path, document)


def remove_tables(path: Path, names: Iterable[QualifiedName]) -> None:
    """Take these tables out; those that are not there are passed over."""
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    listed = _listed(document)
    for name in names:
        position = _position(listed, name)
        if position is not None:
            del listed[position]
    _write(path, document)


def _listed(document: tomlkit.TOMLDocument) -> AoT:
    found = document.get("tables")
    if isinstance(found, AoT):
        return found
    listed = tomlkit.aot()
    for item in found or ():  # an inline array: written anew as [[tables]]
        table = tomlkit.table()
        table.update(item)
        listed.append(table)
    if "tables" in document:
        document.remove("tables")
    document.append("tables", listed)
    return listed


def _position(listed: AoT, name: QualifiedName) -> int | None:
    for position, entry in enumerate(listed):
        if QualifiedName.parse(str(entry["name"])) == name:
            return position
    return None


def _entry(table: TableConfig) -> Table:
    entry = tomlkit.table()
    entry.add("name", table.name)
    if table.tenant is not None:
        tenant = tomlkit.inline_table()
        for kind in ("column", "setting", "value"):
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
    return entry


def _write(path: Path, document: tomlkit.TOMLDocument) -> None:
    """Replace the file in one step; what would not be read back is not written."""
    text = tomlkit.dumps(document)
    configuration.parse(text, where=path.name)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, path.stat().st_mode & 0o777)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

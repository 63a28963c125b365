"""The kit's own objects as units: one file, the objects it makes, and what it needs first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from pgaudit_kit import names, resources
from pgaudit_kit.model import ObjectId
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.render.templates import Sql, Templates, dollar_quote, strip_header

FOLDERS = ("functions", "views", "policies", "partitions")
"""Folders of sql/ whose objects are replaced in place; tables move by migrations."""

MANAGERS = ("native", "partman_4", "partman_5")
"""Files of sql/partitions that make the same functions: one of them is installed."""

_OBJECT = re.compile(
    r"^-- object:\s+(?P<kind>function|view|policy|trigger|event trigger) (?:audit\.)?(?P<name>\w+)"
    r"(?:\(.*\))?(?: on audit\.(?P<parent>\w+))?\s*$",
    re.MULTILINE,
)
_REQUIRES = re.compile(r"^-- requires:\s+(?P<paths>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """SQL that makes some objects, or makes them again."""

    path: str
    objects: tuple[ObjectId, ...]
    sql: str
    as_owner: bool = True
    """Whether it runs as the kit's owner role; otherwise as whoever installs."""


def kit_units(templates: Templates, *, event_triggers: bool, manager: str = MANAGERS[0]) -> list[Unit]:
    """All objects that do not depend on the audited tables, each after what it requires."""
    others = {f"partitions/{name}.sql" for name in MANAGERS if name != manager}
    paths = [path for folder in FOLDERS for path in resources.sql_paths(folder) if path not in others]
    units = [_unit(templates, path) for path in _ordered(paths)]
    if event_triggers:
        units.append(_unit(templates, "triggers/ddl_watch.sql", as_owner=False))
    return units


def _unit(templates: Templates, path: str, *, as_owner: bool = True) -> Unit:
    text = _text(path)
    return Unit(
        path=path,
        objects=tuple(_object(templates.schema, match) for match in _OBJECT.finditer(text)),
        sql=strip_header(templates.render(path)),
        as_owner=as_owner,
    )


def function_unit(templates: Templates, path: str, name: str, values: dict[str, Any]) -> Unit:
    """A function of one table, its body quoted by a tag that does not occur in it."""
    values = values | {"function": Ident(name)}
    body = templates.render(path, values | {"quote": Sql("")})
    text = templates.render(path, values | {"quote": Sql(dollar_quote(body))})
    return Unit(path=path, objects=(ObjectId("function", name),), sql=strip_header(text))


def _object(schema: str, match: re.Match[str]) -> ObjectId:
    kind, name, parent = match["kind"], match["name"], match["parent"]
    if kind == "event trigger":
        return ObjectId(kind, names.event_trigger_name(schema, name))
    return ObjectId(kind, name, QualifiedName(schema, parent) if parent else None)


def _ordered(paths: Iterable[str]) -> list[str]:
    graph: dict[str, list[str]] = {}  # lists: a set's order is another in each process
    known = sorted(paths)
    for path in known:
        match = _REQUIRES.search(_text(path))
        wanted = re.split(r",\s*", match["paths"].strip()) if match else []
        graph[path] = [name for name in wanted if name in known]
    return list(TopologicalSorter(graph).static_order())


def _text(path: str) -> str:
    if path.startswith("triggers/"):
        return resources.trigger_text(path.removeprefix("triggers/"))
    return resources.sql_text(path)

"""Steps that divide the log by region and put each part where it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from pgaudit_kit.config import Config
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import AbsentTable, ConfigError
from pgaudit_kit.install.settings import json_constant
from pgaudit_kit.model import Installation
from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.plan import Change
from pgaudit_kit.regions import Region, stored_regions
from pgaudit_kit.render import Templates
from pgaudit_kit.render.templates import Sql, text_array

DIVIDED = ("change_events", "personal_keys", "personal_values")
"""Tables of the log that hold what was recorded, and so are divided."""


class UnusableTablespace(ConfigError):
    """The kit cannot put anything into this tablespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misplaced:
    """A partition that does not lie as declared."""

    name: str
    is_open: bool
    """Whether it is written to now or later."""
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tablespace:
    name: str
    usable: bool
    granted: bool
    may_grant: bool
    statement: str


def declared_regions(
    config: Config | None,
    installation: Installation,
    tables: Iterable[tuple[QualifiedName, int]],
    place: str | None,
) -> dict[str, Any] | None:
    """The regions as the settings shall keep them, from the file, else from the registry.

    `tables` are those that shall be audited, with their numbers in the log.
    """
    if config is None:
        found: dict[str, Any] | None = installation.settings.get("regions")
        return found
    stored = stored_regions(config.regions)
    if stored is not None and stored["by"] == "tables":
        ids = dict(tables)
        for number, region in enumerate(config.regions):
            if region.tables is not None:
                at = f"{place}: regions[{number}].tables"
                stored["regions"][number]["table_ids"] = _ids(region.tables, ids, at)
    return stored


def _ids(names: Sequence[str], ids: dict[QualifiedName, int], at: str) -> list[int]:
    found = []
    for name in names:
        table = QualifiedName.parse(name)
        if table not in ids:
            raise AbsentTable(
                f"{table.display} is not audited, so it belongs to no region.",
                at=at,
                hint="List it under [[tables]] too, or take it out of the region.",
            )
        found.append(ids[table])
    return sorted(found)


def divided(config: Config | None, installation: Installation) -> str | None:
    """By what the log is divided into regions, `tenants` or `tables`; None where none are declared."""
    stored = stored_regions(config.regions) if config is not None else installation.settings.get("regions")
    return stored["by"] if stored else None


def region_changes(
    conn: Connection,
    templates: Templates,
    installation: Installation,
    declared: dict[str, Any] | None,
    regions: Sequence[Region],
    place: str | None,
) -> list[Change]:
    """Steps that make the log lie as declared; none where it does."""
    grants = _grants(conn, templates, declared, regions, place)
    differs = installation.settings.get("regions") != declared
    misplaced = read_misplaced(conn, templates, declared)
    if not (differs or misplaced):
        return grants
    schema = Ident(templates.schema).sql
    setting = "NULL" if declared is None else json_constant(declared)
    change = f"SELECT {schema}.change_setting('regions', {setting});\n" if differs else ""
    steps = []
    if differs or any(item.is_open for item in misplaced):
        steps.append(
            Change(
                op="change",
                kind="regions",
                target=_described(declared),
                why=_why(installation, misplaced, differs=differs),
                sql=f"{change}SELECT {schema}.place_open_partitions();\n",
                blocks=tuple(QualifiedName(templates.schema, name) for name in DIVIDED),
            )
        )
    if closed := sum(not item.is_open for item in misplaced):
        steps.append(
            Change(
                op="change",
                kind="regions",
                target="partitions of the past",
                why=f"{closed} to place, each in a transaction of its own once the rest is committed",
                sql=f"SELECT {schema}.place_next_partition();\n",
                repeated=True,
            )
        )
    return [*grants, *steps]


def read_misplaced(
    conn: Connection, templates: Templates, declared: dict[str, Any] | None
) -> list[Misplaced]:
    """Partitions of the log that do not lie as these regions say."""
    value = Sql("NULL::jsonb") if declared is None else Sql(json_constant(declared))
    query = templates.render("queries/regions.sql", {"declared": value})
    with conn.cursor(row_factory=class_row(Misplaced)) as cursor:
        return cursor.execute(query.encode()).fetchall()


def _why(installation: Installation, misplaced: list[Misplaced], *, differs: bool) -> str:
    rows = "writers wait while what is written to now is copied"
    if differs and installation.revision is None:
        return "declared"
    if differs:
        return f"{'declared otherwise' if 'regions' in installation.settings else 'declared'}; {rows}"
    first = next(item for item in misplaced if item.is_open)
    more = sum(item.is_open for item in misplaced) - 1
    return f"{first.name}: {first.problem}" + (f", and {more} more" if more else "") + f"; {rows}"


def _described(declared: dict[str, Any] | None) -> str:
    if declared is None:
        return "none: partitions are no longer divided"
    return ", ".join(
        region["name"] + (f" in {region['tablespace']}" if region["tablespace"] else "")
        for region in declared["regions"]
    )


def _grants(
    conn: Connection,
    templates: Templates,
    declared: dict[str, Any] | None,
    regions: Sequence[Region],
    place: str | None,
) -> list[Change]:
    """What the kit's owner needs to be granted; UnusableTablespace where this role cannot."""
    names = sorted({r["tablespace"] for r in (declared or {}).get("regions", []) if r["tablespace"]})
    query = templates.render("queries/tablespaces.sql", {"wanted": text_array(names)})
    with conn.cursor(row_factory=class_row(_Tablespace)) as cursor:
        found = cursor.execute(query.encode()).fetchall()
    for space in found:
        number = next((n for n, region in enumerate(regions) if region.tablespace == space.name), None)
        at = None if number is None else f"{place}: regions[{number}].tablespace"
        if not space.usable:
            raise UnusableTablespace(
                f"There is no tablespace {space.name} for the log.",
                at=at,
                hint=f"A superuser runs: CREATE TABLESPACE {Ident(space.name).display} LOCATION"
                f" {Literal('/a/folder/of/the/server').sql}; without one the log is divided all the same.",
            )
        if not (space.granted or space.may_grant):
            raise UnusableTablespace(
                f"The kit's owner may not use the tablespace {space.name}.",
                at=at,
                hint=f"Whoever owns it runs: {space.statement}",
            )
    return [
        Change(
            op="create",
            kind="grant",
            target=f"use of tablespace {space.name}",
            why="the kit's owner puts a region's part of the log there",
            sql=f"{space.statement};\n",
            as_owner=False,
        )
        for space in found
        if not space.granted
    ]

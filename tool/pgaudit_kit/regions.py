"""The `[[regions]]` of pgaudit.toml: whose part of the log lies where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from pgaudit_kit.errors import ConfigError, KitError
from pgaudit_kit.names import QualifiedName

REST = "rest"
"""Name of the part for everybody else, where no region is declared for them."""


class Region(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region, and who belongs to it: tenants, or tables; with neither everybody else."""

    name: str
    tablespace: str | None = None
    tenants: tuple[str, ...] | None = None
    tables: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot end the name of a partition, and empty and contradictory lists."""
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,15}", self.name):
            raise ValueError(
                f"name {self.name!r} is not like 'eu': up to 16 lower-case letters, digits and _"
            )
        if self.tablespace is not None and not 0 < len(self.tablespace.encode()) <= 63:
            raise ValueError(f"tablespace {self.tablespace!r} is no name of one")
        if self.tenants is not None and self.tables is not None:
            raise ValueError("a region has tenants or tables, not both")
        members = self.members
        if members is not None and (not members or not all(members) or any("\0" in m for m in members)):
            raise ValueError(
                "tenants and tables must not be empty; without them a region is everybody else's"
            )
        if self.name == REST and members is not None:
            raise ValueError(f"{REST!r} is the name for everybody else")

    @property
    def members(self) -> tuple[str, ...] | None:
        """Who belongs to it, by the names that were declared; None: everybody else."""
        return self.tenants if self.tenants is not None else self.tables

    def stored(self) -> dict[str, Any]:
        """As the setting keeps it."""
        values: dict[str, Any] = {"name": self.name, "tablespace": self.tablespace}
        if self.tenants is not None:
            values["tenants"] = list(self.tenants)
        if self.tables is not None:
            values["tables"] = [QualifiedName.parse(name).display for name in self.tables]
        return values


def check_regions(regions: Sequence[Region], manager: str, where: str) -> None:
    """Raise ConfigError where regions contradict each other or the partition manager."""
    seen: dict[str, int] = {}
    members: dict[str | QualifiedName, int] = {}
    for number, region in enumerate(regions):
        at = f"{where}: regions[{number}]"
        if region.name in seen:
            raise ConfigError(f"The region {region.name} is listed twice.", at=at)
        seen[region.name] = number
        for name in region.members or ():
            try:
                member = QualifiedName.parse(name) if region.tables is not None else name
            except KitError as error:
                raise ConfigError(error.message, at=f"{at}.tables") from None
            if member in members:
                raise ConfigError(
                    f"{name} belongs to two regions.",
                    at=at,
                    hint=f"It stands in regions[{members[member]}] already.",
                )
            members[member] = number
    _check_kinds(regions, where)
    if regions and manager == "partman":
        raise ConfigError(
            "pg_partman makes no partitions that are divided by region.",
            at=f"{where}: partitions.manager",
            hint='Declare manager = "auto" or "native": the kit makes them itself.',
        )


def _check_kinds(regions: Sequence[Region], where: str) -> None:
    kinds = {"tenants" if region.tenants is not None else "tables" for region in regions if region.members}
    if len(kinds) > 1:
        raise ConfigError(
            "Some regions list tenants and some tables.",
            at=f"{where}: regions",
            hint="The log is divided in one way: list tenants everywhere, or tables.",
        )
    others = [number for number, region in enumerate(regions) if region.members is None]
    if len(others) > 1:
        raise ConfigError(
            "Two regions list neither tenants nor tables.",
            at=f"{where}: regions[{others[1]}]",
            hint=f"Everybody else belongs to regions[{others[0]}].",
        )
    if regions and not kinds:
        raise ConfigError("No region lists tenants or tables.", at=f"{where}: regions")


def stored_regions(regions: Sequence[Region]) -> dict[str, Any] | None:
    """As the table settings keeps them, with the part for everybody else; None where none are declared."""
    if not regions:
        return None
    kind = "tables" if any(region.tables is not None for region in regions) else "tenants"
    parts = [region.stored() for region in regions]
    if all(region.members is not None for region in regions):
        parts.append(Region(name=REST).stored())
    return {"by": kind, "regions": parts}

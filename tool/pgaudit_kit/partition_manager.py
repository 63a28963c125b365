"""Who makes the log's partitions: the kit itself, or the extension pg_partman where it may be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.rows import class_row

from pgaudit_kit.db import Connection
from pgaudit_kit.errors import ConfigError, Refused
from pgaudit_kit.render import Templates

NATIVE = "native"
SUPPORTED = ((4, 7), (6, 0))
"""From this version of pg_partman on, below that one."""


class UnusablePartman(Refused):
    """pg_partman is there, and the kit cannot use it."""


class UntrustedPartman(UnusablePartman):
    """Others could replace what pg_partman runs; the kit's owner would run it."""


class PartmanGrantsMissing(UnusablePartman):
    """The kit's owner may not use pg_partman, and this role may not let it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """What there is in a database, as sql/queries/partition_manager.sql tells it."""

    used: str | None
    """What the installed functions say: `native`, `pg_partman 4` or `pg_partman 5`; None without any."""
    maintained: bool
    version: str | None
    """Of pg_partman, where it is installed in this database."""
    schema: str | None
    has_config: bool
    doubts: list[str]
    grants: list[str]
    """What the kit's owner lacks there."""
    may_grant: bool
    revokes: list[str]
    used_by_others: bool
    """Whether another installation in this database uses it too."""

    @property
    def label(self) -> str:
        """`pg_partman 5.2.4 in schema partman`."""
        return f"pg_partman {self.version} in schema {self.schema}"

    @property
    def file(self) -> str:
        """The file of sql/partitions that fits its version."""
        return f"partman_{(self.version or '').partition('.')[0]}"

    @property
    def in_use(self) -> bool:
        """Whether the installed functions call pg_partman."""
        return bool(self.used and self.used != NATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which manager it shall be."""

    found: Manager
    file: str
    why: str
    notes: tuple[str, ...] = ()
    """What the user should know about it."""

    @property
    def partman(self) -> bool:
        """Whether it is pg_partman."""
        return self.file != NATIVE

    @property
    def partman_schema(self) -> str:
        """Where the functions look for it."""
        return (self.found.schema or "partman") if self.partman else "partman"


def read_manager(conn: Connection, templates: Templates) -> Manager:
    """What there is."""
    query = templates.render("queries/partition_manager.sql").encode()
    with conn.cursor(row_factory=class_row(Manager)) as cursor:
        found = cursor.execute(query).fetchone()
    assert found is not None  # noqa: S101 - the query gives one row
    return found


def choose(found: Manager, wanted: str, kit_schema: str) -> Choice:
    """Decide. `auto` decides once: what makes partitions goes on making them for as long as it can.

    Raises ConfigError or Refused where pg_partman is asked for and cannot be used.
    """
    if wanted == NATIVE:
        return Choice(found=found, file=NATIVE, why="the kit's own is declared")
    problem = _problem(found, kit_schema)
    if wanted == "partman":
        if problem is not None:
            raise problem
        return Choice(found=found, file=found.file, why=f"{found.label} is declared")
    if problem is None and not (found.maintained and not found.in_use):
        return Choice(found=found, file=found.file, why=f"{found.label} is here")
    notes: tuple[str, ...] = ()
    if problem is not None and found.version is not None and not found.maintained:
        notes = (f"Partitions are made by the kit itself. {problem.message} {problem.hint or ''}".rstrip(),)
    why = problem.message if problem is not None and found.in_use else "pg_partman is not used"
    return Choice(found=found, file=NATIVE, why=why, notes=notes)


def _problem(found: Manager, kit_schema: str) -> ConfigError | Refused | None:
    """What keeps pg_partman from being used."""
    at = "partitions.manager"
    native = 'or declare manager = "native".'
    if found.version is None or found.schema is None:
        return ConfigError(
            "pg_partman is not installed in this database.",
            at=at,
            hint=f"CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman; {native}",
        )
    if not SUPPORTED[0] <= _numbers(found.version) < SUPPORTED[1]:
        return ConfigError(
            f"pg_partman {found.version} is not 4.7 to 5.x.", at=at, hint=f"Update it, {native}"
        )
    if "." in kit_schema or "." in found.schema:
        return ConfigError("pg_partman takes no schemas with a dot in their name.", at=at)
    if found.doubts:
        return UntrustedPartman(
            f"The kit's owner would run code of others through pg_partman: {'; '.join(found.doubts)}.",
            hint=f"Take that right away or give what it is to a superuser, {native}",
        )
    if found.grants and not found.may_grant:
        return PartmanGrantsMissing(
            "The kit's owner may not use pg_partman, and this role may not let it.",
            hint=f"Its owner runs: {'; '.join(found.grants)}",
        )
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())

"""Who may read whose log: the list of readers, and the membership that opens the views to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pgaudit_kit.db import Connection, translated
from pgaudit_kit.errors import ConfigError, UsageError
from pgaudit_kit.install.locks import become
from pgaudit_kit.render import Roles

MEMBERSHIP, SETTING = "membership", "setting"
WAYS = (MEMBERSHIP, SETTING)
ANY = "*"
"""What stands for the tenant of a reader whose session names it."""


class AbsentRole(ConfigError):
    """There is no such role."""

    hint = "Create it first: CREATE ROLE …; capitals count."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A role, and whose log it reads."""

    role: str
    tenant: str | None
    via: str = MEMBERSHIP
    exists: bool = True

    @property
    def stored(self) -> list[str]:
        """What the registry has of it."""
        return [self.role, ANY if self.tenant is None else self.tenant, self.via]

    @property
    def display(self) -> str:
        """Whose log it is, for people."""
        return "the log its session names" if self.tenant is None else f"{self.tenant}'s log"

    def facts(self) -> dict[str, Any]:
        """The same for JSON."""
        return {"role": self.role, "tenant_id": self.tenant, "via": self.via}


def grant(conn: Connection, schema: str, reader: Reader) -> bool:
    """Let a role read; returns whether it could not before."""
    with translated(), conn.transaction():
        _check(conn, reader)
        _membership(conn, "GRANT {} TO {}", reader.role)
        return _call(conn, schema, "grant_tenant", reader)


def revoke(conn: Connection, schema: str, reader: Reader) -> bool:
    """Take it back; returns whether there was anything to take."""
    with translated(), conn.transaction():
        changed = _call(conn, schema, "revoke_tenant", reader)
        if changed and _exists(conn, reader.role) and not _reads_elsewhere(conn, reader.role):
            _membership(conn, "REVOKE {} FROM {}", reader.role)
        return changed


def read(conn: Connection, schema: str) -> list[Reader]:
    """Every reader."""
    query = sql.SQL(
        "SELECT r.role::text, r.tenant_id, r.via, EXISTS ("
        "SELECT FROM pg_catalog.pg_roles AS o WHERE o.rolname = r.role) FROM {} AS r ORDER BY 1, 2, 3"
    ).format(sql.Identifier(schema, "tenant_readers"))
    with translated(), conn.transaction():
        become(conn, Roles().owner)
        rows = conn.execute(query).fetchall()
        become(conn, None)
    return [
        Reader(role=role, tenant=None if via == SETTING else tenant, via=via, exists=exists)
        for role, tenant, via, exists in rows
    ]


def _check(conn: Connection, reader: Reader) -> None:
    if not _exists(conn, reader.role):
        raise AbsentRole(f"There is no role {reader.role}.")
    if reader.role in Roles().all():
        raise UsageError(f"{reader.role} is the kit's own: what it may read, every member may.")
    if reader.tenant == "_system":
        raise UsageError(
            "_system is the kit's own log.", hint=f"It is for auditors: GRANT {Roles().auditor} TO …"
        )


def _exists(conn: Connection, role: str) -> bool:
    return bool(_one(conn, "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s)", [role]))


def _membership(conn: Connection, statement: str, role: str) -> None:
    conn.execute(sql.SQL(statement).format(sql.Identifier(Roles().reader), sql.Identifier(role)))


def _call(conn: Connection, schema: str, function: str, reader: Reader) -> bool:
    become(conn, Roles().owner)
    call = sql.SQL("SELECT {}(%s::name, %s::text, %s::text)").format(sql.Identifier(schema, function))
    changed = bool(_one(conn, call, reader.stored))
    become(conn, None)
    return changed


def _reads_elsewhere(conn: Connection, role: str) -> bool:
    """Whether an installation in this database still has it among its readers."""
    schemas = conn.execute(
        "SELECT n.nspname FROM pg_catalog.pg_class AS c"
        " INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " INNER JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner"
        " WHERE c.relname = 'tenant_readers' AND c.relkind = 'r' AND r.rolname = %s",
        [Roles().owner],
    ).fetchall()
    become(conn, Roles().owner)
    query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE role = %s)")
    found = any(
        _one(conn, query.format(sql.Identifier(schema, "tenant_readers")), [role]) for (schema,) in schemas
    )
    become(conn, None)
    return found


def _one(conn: Connection, query: Any, parameters: list[str]) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None  # noqa: S101 - each query asked here gives one row
    return row[0]

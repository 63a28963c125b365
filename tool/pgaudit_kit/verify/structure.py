"""What verify reads must be what the kit made: these tables, these columns, all of their rows visible."""

from __future__ import annotations

from typing import Any

from pgaudit_kit.errors import InsufficientPrivilege, NotInstalled
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding, Level
from pgaudit_kit.verify.session import Session

_TIME = "timestamp with time zone"
_TABLES: dict[str, tuple[Level, str, dict[str, str]]] = {
    "change_events": (
        "events",
        "p",
        {
            "event_id": "bigint",
            "occurred_at": _TIME,
            "transaction_id": "bigint",
            "tenant_id": "text",
            "table_id": "integer",
            "table_version": "integer",
            "operation": '"char"',
            "record_key": "text",
            "actor_id": "text",
            "action": "text",
            "context": "jsonb",
            "old_values": "jsonb",
            "new_values": "jsonb",
            "personal_commitment": "bytea",
            "row_xmin": "xid",
        },
    ),
    "event_id_seq": ("events", "S", {}),
    "table_versions": (
        "events",
        "r",
        {
            "table_id": "integer",
            "table_version": "integer",
            "schema_name": "text",
            "table_name": "text",
            "columns": "jsonb",
            "key_columns": "text[]",
            "bulk": "boolean",
        },
    ),
    "personal_values": (
        "events",
        "p",
        {
            "event_id": "bigint",
            "occurred_at": _TIME,
            "tenant_id": "text",
            "salt": "bytea",
            "old_values": "jsonb",
            "new_values": "jsonb",
            "context": "jsonb",
        },
    ),
    "personal_keys": (
        "events",
        "p",
        {
            "event_id": "bigint",
            "occurred_at": _TIME,
            "tenant_id": "text",
            "table_id": "integer",
            "record_key": "text",
            "salt": "bytea",
        },
    ),
    "blocks": (
        "chain",
        "p",
        {
            "log_index": "bigint",
            "block_number": "bigint",
            "sealed_at": _TIME,
            "first_event_id": "bigint",
            "last_event_id": "bigint",
            "first_position": "bigint",
            "event_count": "integer",
            "tenant_id": "text",
            "prev_hash": "bytea",
            "merkle_root": "bytea",
            "block_hash": "bytea",
            "header": "text",
            "event_ids": "bigint[]",
            "event_hashes": "bytea",
        },
    ),
    "chain_heads": (
        "chain",
        "r",
        {
            "tenant_id": "text",
            "salt": "bytea",
            "block_number": "bigint",
            "block_hash": "bytea",
            "event_count": "bigint",
        },
    ),
    "seal_state": ("chain", "r", {"log_size": "bigint"}),
    "config_seen": ("completeness", "r", {"guards": "text", "access": "text"}),
    "checkpoints": ("checkpoint", "r", {"origin": "text", "size": "bigint", "note": "text"}),
    "log_tiles": (
        "checkpoint",
        "r",
        {"tile_level": "integer", "tile_index": "bigint", "node_hashes": "bytea"},
    ),
}


def check_structure(session: Session, schema: str, findings: Findings) -> set[str]:
    """Return the tables that can be read; those that are not as the kit made them become findings.

    Raises NotInstalled where there is nothing of the kit, InsufficientPrivilege where rows are hidden.
    """
    found = {row.name: row for row in session.rows("structure", {"names": list(_TABLES)})}
    if not found.keys() & {"change_events", "blocks", "chain_heads"}:
        raise NotInstalled(f"There is no audit log in schema {QualifiedName(schema, 'x').schema!r}.")
    usable = set()
    for name, (level, kind, columns) in _TABLES.items():
        what = QualifiedName(schema, name).display
        row = found.get(name)
        wrong = f"{what} is missing" if row is None else _wrong(row, what, kind, columns)
        if wrong:
            missing = "table-missing" if row is None else "table-altered"
            findings.add(Finding(kind=missing, level=level, message=wrong))
            continue
        _check_visible(row, what)
        usable.add(name)
    return usable


def _wrong(row: Any, what: str, kind: str, columns: dict[str, str]) -> str | None:
    """Say in what the relation differs from what the kit made."""
    if row.kind != kind:
        return f"{what} is a relation of another kind ({row.kind!r}, expected {kind!r})"
    for column, wanted in columns.items():
        have = row.columns.get(column)
        if have != wanted:
            return f"{what}.{column} is {have or 'missing'}, expected {wanted}"
    if row.foreign_partition:
        return f"{what} has a partition that is no table: {row.foreign_partition}"
    if row.foreign_index:
        return f"{what} has an index over an expression, which is not the kit's: {row.foreign_index}"
    return None


def _check_visible(row: Any, what: str) -> None:
    if not row.readable:
        raise InsufficientPrivilege(
            f"This role may not read {what}.",
            hint="Verify as a superuser or as a member of the kit's owner role.",
        )
    if row.rows_hidden:
        raise InsufficientPrivilege(
            f"Row security may hide rows of {what} from this role.",
            hint="Verify as a superuser or as a member of the kit's owner role.",
        )

"""The audited tables for which capture is rendered: a plain one, and one with everything."""

from __future__ import annotations

from typing import Any

from pgaudit_kit.condition import Conditions
from pgaudit_kit.model import Column, Table
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render import CaptureSpec


def column(attnum: int, name: str, type_name: str, base_type: int, **options: Any) -> Column:
    """A column; plain and small unless told otherwise."""
    values: dict[str, Any] = {"kind": "plain", "size": "small", "deterministic": True, "generated": ""}
    return Column(attnum=attnum, name=name, type_name=type_name, base_type=base_type, **(values | options))


def table(name: QualifiedName, columns: tuple[Column, ...], key: tuple[str, ...], **options: Any) -> Table:
    """A table; an ordinary one unless told otherwise."""
    values: dict[str, Any] = {
        "oid": 16_500,
        "kind": "r",
        "persistence": "p",
        "fingerprint": "0" * 64,
        "partitions": (),
    }
    return Table(name=name, columns=columns, primary_key=key, **(values | options))


def spec(table: Table, **options: Any) -> CaptureSpec:
    """A table that is audited; without any declaration unless told otherwise."""
    values: dict[str, Any] = {
        "table_id": 1,
        "table_version": 1,
        "tenant_kind": "none",
        "tenant_name": None,
        "tenant_attnum": None,
        "subject_attnum": None,
        "key": (1,),
        "excluded": (),
        "personal": (),
        "operations": ("insert", "update", "delete", "truncate"),
        "specialised": True,
    }
    return CaptureSpec(table=table, **(values | options))


PLAIN = spec(
    table(
        QualifiedName("public", "article"),
        (
            column(1, "id", "bigint", 20),
            column(2, "title", "text", 25, size="flat"),
            column(3, "price", "numeric(10,2)", 1700, size="flat"),
            column(4, "published_at", "timestamp with time zone", 1184),
        ),
        ("id",),
    ),
)

EVERYTHING = spec(
    table(
        QualifiedName("Sales & more", 'The "Table"'),
        (
            column(1, "id", "integer", 23),
            column(3, "percent % %s", "text", 25, size="flat"),
            column(4, "back\\slash", "json", 114, kind="json", size="flat"),
            column(5, "$pgaudit_kit$", "mood", 16_600, kind="text"),
            column(6, "it's", "double precision", 701),
            column(7, "mail", "text", 25, size="flat", deterministic=False),
            column(8, "score", "double precision", 701),
            column(9, "ünïcödé", "interval", 1186),
            column(10, "select", "bytea", 17, size="flat"),
            column(11, "twice", "integer", 23, generated="v"),
            column(12, "secret", "jsonb", 3802, size="deep"),
            column(13, "who", "integer", 23),
        ),
        ("percent % %s", "id"),
        kind="p",
        partitions=(QualifiedName("Sales & more", "leaf"),),
        partitioner='the "owner"',
    ),
    table_id=42,
    table_version=7,
    tenant_kind="column",
    tenant_attnum=3,
    subject_attnum=13,
    key=(3, 1),
    excluded=(12,),
    personal=(7, 8),
)

SETTING = spec(PLAIN.table, tenant_kind="setting", tenant_name="app.tenant", operations=("update", "delete"))
UNGUARDED = spec(
    EVERYTHING.table,
    **{
        name: getattr(EVERYTHING, name)
        for name in (
            "tenant_kind",
            "tenant_attnum",
            "subject_attnum",
            "key",
            "excluded",
            "personal",
            "table_id",
        )
    },
    specialised=False,
)

BULK = spec(
    PLAIN.table, bulk=True, by_statement=("insert", "delete"), tenant_kind="value", tenant_name="acme"
)
BULK_EVERYTHING = spec(
    table(EVERYTHING.table.name, EVERYTHING.table.columns, ("id",)),
    **{
        name: getattr(EVERYTHING, name)
        for name in ("tenant_kind", "tenant_attnum", "subject_attnum", "key", "excluded", "personal")
    },
    bulk=True,
    by_statement=("delete",),
)

SOME_ROWS = spec(PLAIN.table, conditions=Conditions.one("NEW.title <> 'draft'"))

VIA = spec(PLAIN.table, tenant_kind="via", tenant_attnum=2, tenant_parent=7, lends=True)

CAPTURED = {
    "plain": PLAIN,
    "everything": EVERYTHING,
    "setting": SETTING,
    "unguarded": UNGUARDED,
    "some_rows": SOME_ROWS,
    "via": VIA,
    "bulk": BULK,
    "bulk_everything": BULK_EVERYTHING,
}

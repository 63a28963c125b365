"""What is known before anything is judged: this snapshot, this copy of the database, the chains' ends."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pgaudit_kit.chain import Incarnation
from pgaudit_kit.verify.chain_level import Head
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding
from pgaudit_kit.verify.seals import SeenBy
from pgaudit_kit.verify.session import Session


@dataclass(frozen=True, slots=True)
class TableVersion:
    """An audited table as events name it."""

    name: str
    key_is_personal: bool
    bulk: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts of one run, all from its snapshot but the clock."""

    snapshot: SeenBy
    now: datetime
    incarnation: Incarnation
    last_event_id: int
    """The highest that was drawn from the sequence."""
    heads: dict[str, Head]
    heads_known: bool
    log_size: int | None
    versions: dict[tuple[int, int], TableVersion]


def read_facts(session: Session, usable: Collection[str], findings: Findings) -> Facts:
    """Read them, as far as the tables can be read."""
    (row,) = session.rows("facts")
    last = session.rows("sequence")[0].last_value if "event_id_seq" in usable else 2**63 - 1
    return Facts(
        snapshot=SeenBy.parse(row.snapshot),
        now=row.now,
        incarnation=Incarnation(row.system_identifier, row.timeline, row.database_oid, last),
        last_event_id=last,
        heads=_heads(session, findings) if "chain_heads" in usable else {},
        heads_known="chain_heads" in usable,
        log_size=_log_size(session, findings) if "seal_state" in usable else None,
        versions={
            (row.table_id, row.table_version): TableVersion(row.name, row.key_is_personal, row.bulk)
            for row in (session.rows("versions") if "table_versions" in usable else ())
        },
    )


def _heads(session: Session, findings: Findings) -> dict[str, Head]:
    heads: dict[str, Head] = {}
    for row in session.rows("heads"):
        if row.tenant_id in heads:
            message = "chain_heads has more than one row for the tenant"
            findings.add(
                Finding(kind="head-mismatch", level="chain", tenant_id=row.tenant_id, message=message)
            )
        elif row.tenant_id is None:
            findings.add(
                Finding(kind="head-mismatch", level="chain", message="chain_heads has a row without a tenant")
            )
        else:
            heads[row.tenant_id] = Head(row.salt, row.block_number, row.block_hash, row.event_count)
    return heads


def _log_size(session: Session, findings: Findings) -> int | None:
    sizes = [row.log_size for row in session.rows("state")]
    if len(sizes) == 1 and sizes[0] is not None:
        size: int = sizes[0]
        return size
    what = "no row" if not sizes else "more than one row" if len(sizes) > 1 else "no log_size"
    findings.add(
        Finding(
            kind="seal-state",
            level="chain",
            message=f"seal_state has {what}: where the log ends is not known",
        )
    )
    return None

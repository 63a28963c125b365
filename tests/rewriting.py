"""What a superuser does who wants no trace to be left: rewrites, recomputes, cuts off."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.sealing import one

Connection = psycopg.Connection[Any]


def off(db: Connection) -> None:
    """Switch the guards off, with an event that makes it look as if the kit had done it."""
    for table in ("blocks", "change_events"):
        db.execute(f"ALTER TABLE audit.{table} DISABLE TRIGGER USER")
    db.execute("SELECT audit.record_control('kit-changed', '{}')")


def recompute(db: Connection, tenant: str = "a") -> None:
    """What a superuser does who rewrites the tenant's first event, and every hash after it."""
    db.execute("SET session_replication_role = replica")
    off(db)
    event = one(db, "SELECT min(event_id) FROM audit.change_events WHERE tenant_id = %s", [tenant])
    db.execute("UPDATE audit.change_events SET actor_id = 'nobody' WHERE event_id = %s", [event])
    rows = db.execute(
        "SELECT log_index, header, block_hash, event_ids FROM audit.blocks WHERE tenant_id = %s"
        " ORDER BY block_number", [tenant],
    ).fetchall()  # fmt: skip
    before = None
    for index, header, old_hash, _ in rows:
        hashes = one(
            db,
            "SELECT string_agg(sha256(convert_to(audit.event_line(e), 'UTF8')), '' ORDER BY e.event_id)"
            " FROM audit.change_events AS e JOIN audit.blocks AS b ON e.event_id = ANY (b.event_ids)"
            " WHERE b.log_index = %s",
            [index],
        )
        root = one(db, "SELECT audit.merkle_root(%s)", [hashes])
        old_root = one(db, "SELECT merkle_root FROM audit.blocks WHERE log_index = %s", [index])
        header = header.replace(bytes(old_root).hex(), bytes(root).hex())
        if before:
            header = header.replace(before[0].hex(), before[1].hex())
        new_hash = one(db, "SELECT sha256(convert_to(%s::text, 'UTF8'))", [header])
        db.execute(
            "UPDATE audit.blocks SET header = %s, block_hash = %s, merkle_root = %s, event_hashes = %s,"
            " prev_hash = coalesce(%s, prev_hash) WHERE log_index = %s",
            [header, new_hash, root, hashes, before[1] if before else None, index],
        )
        before = bytes(old_hash), bytes(new_hash)
    db.execute(
        "UPDATE audit.chain_heads SET block_hash = %s WHERE tenant_id = %s", [before and before[1], tenant]
    )
    db.execute("RESET session_replication_role")


def cut_tail(db: Connection, size: int) -> None:
    """Leave the log as it was when it had so many blocks, with everything that tells where it ends."""
    off(db)
    db.execute(
        "DELETE FROM audit.change_events AS e USING audit.blocks AS b WHERE b.log_index >= %s"
        " AND e.event_id = ANY (b.event_ids)",
        [size],
    )
    db.execute("DELETE FROM audit.blocks WHERE log_index >= %s", [size])
    db.execute("DELETE FROM audit.checkpoints WHERE size > %s", [size])
    db.execute("UPDATE audit.seal_state SET log_size = %s", [size])
    db.execute(
        "UPDATE audit.chain_heads AS h SET (block_number, block_hash, event_count) = (SELECT b.block_number,"
        " b.block_hash, b.first_position + b.event_count - 1 FROM audit.blocks AS b"
        " WHERE b.tenant_id = h.tenant_id ORDER BY b.block_number DESC LIMIT 1)"
    )

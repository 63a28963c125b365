"""One event's proof, as audit.receipt() gives it: checked, and in the form of c2sp.org/tlog-proof."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from psycopg import errors, sql

from pgaudit_kit.chain import HeaderMalformed, event_hash, parse_header
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import Inconclusive, InsufficientPrivilege, NotInstalled
from pgaudit_kit.merkle import leaf_hash, verify_inclusion
from pgaudit_kit.note import NoteMalformed, parse_checkpoint, parse_note
from pgaudit_kit.note.errors import to_base64


@dataclass(frozen=True, slots=True)
class Receipt:
    """What shows that an event is in the log; `checkpoint` is None until one covers it."""

    event_id: int
    tenant_id: str
    line: str
    block_number: int
    place: int
    event_count: int
    block_path: tuple[bytes, ...]
    header: str
    log_index: int
    log_size: int | None
    log_path: tuple[bytes, ...]
    checkpoint: str | None

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "event_id": self.event_id,
            "tenant_id": self.tenant_id,
            "line": self.line,
            "event_hash": event_hash(self.line).hex(),
            "block_number": self.block_number,
            "place": self.place,
            "event_count": self.event_count,
            "block_path": [one.hex() for one in self.block_path],
            "header": self.header,
            "block_hash": sha256(self.header.encode()).hexdigest(),
            "log_index": self.log_index,
            "log_size": self.log_size,
            "log_path": [one.hex() for one in self.log_path],
            "checkpoint": self.checkpoint,
        }

    def problem(self) -> str | None:
        """What of it does not hold; None where all of it does. Signatures are Policy.signer_of's."""
        try:
            header = parse_header(self.header)
        except HeaderMalformed as error:
            return f"the block's header is none: {error}"
        stated = (self.block_number, self.log_index, self.event_count)
        if stated != (header.block_number, header.log_index, header.event_count):
            return "the block is not the one that its header says"
        if not self.line.startswith(f'{{"v":1,"event_id":{self.event_id},'):
            return "the line is another event's"
        leaf = leaf_hash(event_hash(self.line))
        if not verify_inclusion(leaf, self.place, header.event_count, self.block_path, header.merkle_root):
            return "the event's line is not the one that was sealed in its block"
        if self.checkpoint is None:
            return None
        try:
            signed = parse_checkpoint(parse_note(self.checkpoint.encode()).text)
        except NoteMalformed as error:
            return f"the checkpoint is none: {error}"
        leaf = leaf_hash(self.header.encode())
        if not verify_inclusion(leaf, header.log_index, signed.size, self.log_path, signed.root):
            return "the event's block is not in the log that was signed"
        return None

    def tlog_proof(self) -> str:
        """The block in the log as c2sp.org/tlog-proof; the event in the block as its extra data."""
        if self.checkpoint is None:
            raise Inconclusive(
                f"No published checkpoint covers event {self.event_id} yet.",
                hint="Run `pgaudit-kit checkpoint`.",
            )
        inner = {
            "line": self.line,
            "place": self.place,
            "event_count": self.event_count,
            "block_path": [one.hex() for one in self.block_path],
            "header": self.header,
        }
        extra = to_base64(json.dumps(inner, ensure_ascii=False, separators=(",", ":")).encode())
        path = "".join(f"{to_base64(one)}\n" for one in self.log_path)
        start = f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex {self.log_index}\n"
        return f"{start}{path}\n{self.checkpoint}"


def receipt(conn: Connection, schema: str, event_id: int) -> Receipt:
    """Ask the database; Inconclusive where the event is not sealed, or not this role's to see."""
    query = sql.SQL("SELECT {}.receipt(%s)").format(sql.Identifier(schema))
    try:
        row = conn.execute(query, (event_id,)).fetchone()
    except (errors.UndefinedFunction, errors.InvalidSchemaName):
        raise NotInstalled(
            f"The kit in schema {schema} gives no receipts, or is not there.",
            hint="Run `pgaudit-kit install`, which brings it up to date.",
        ) from None
    except errors.InsufficientPrivilege as error:
        raise InsufficientPrivilege(
            f"This role may not read the log: {error.diag.message_primary}.",
            hint="It needs to be a member of pgaudit_kit_reader or pgaudit_kit_auditor.",
        ) from None
    found = row[0] if row else None
    if found is None:
        raise Inconclusive(
            f"There is no sealed event {event_id} that this role may see.",
            hint="Events of the last moments: run `pgaudit-kit seal` first.",
        )
    # What is installed is not trusted: the line must be that of the event that was asked for
    return Receipt(
        event_id=event_id,
        tenant_id=found["tenant_id"],
        line=found["line"],
        block_number=found["block_number"],
        place=found["place"],
        event_count=found["event_count"],
        block_path=_path(found["block_path"]),
        header=found["header"],
        log_index=found["log_index"],
        log_size=found["log_size"],
        log_path=_path(found["log_path"] or ()),
        checkpoint=found["checkpoint"],
    )


def _path(hashes: Any) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(one) for one in hashes)

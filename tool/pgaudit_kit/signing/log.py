"""The log as the signer sees it through the few functions that it may call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import errors, sql

from pgaudit_kit.db import Connection
from pgaudit_kit.errors import InsufficientPrivilege, NotInstalled

BATCH = 2000
"""Headers fetched at a time, some hundred bytes each."""
ROLE = "pgaudit_kit_signer"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The checkpoint of the largest size that the database knows of; `note` where it was signed."""

    size: int
    root: bytes
    note: str | None


class SignedLog:
    """Calls the kit's functions for signers, on a connection in autocommit mode."""

    def __init__(self, conn: Connection, schema: str) -> None:
        """Use this connection. What it writes is on the disk before it goes on."""
        self._conn, self._schema = conn, schema
        conn.execute("SELECT pg_catalog.set_config('synchronous_commit', 'on', false)")

    def headers(self, first: int) -> Iterator[str]:
        """Headers from this position of the log on, to the end of the last seal.

        Ends early where a position is missing: nothing behind a gap can be signed.
        """
        while True:
            rows = self._rows("log_entries(%s, %s)", (first, BATCH))
            for position, header in rows:
                if position != first:
                    return
                yield header
                first += 1
            if len(rows) < BATCH:
                return

    def root(self, size: int) -> bytes | None:
        """What the database says is the root over so many blocks; None where it has fewer."""
        try:
            return bytes(self._rows("log_root(%s)", (size,))[0][0])
        except errors.NoDataFound:
            return None

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the log of `old` blocks is a prefix of the one of `new`."""
        return [bytes(node) for node in self._rows("log_consistency(%s, %s)", (old, new))[0][0]]

    def newest(self, origin: str) -> Prepared | None:
        """What was prepared last in this log's name."""
        rows = self._rows("newest_checkpoint(%s)", (origin,))
        return Prepared(rows[0][0], bytes(rows[0][1]), rows[0][2]) if rows else None

    def prepare(self, origin: str, size: int, root: bytes) -> None:
        """Write down what is about to be signed; then everything it covers is on the disk too."""
        self._rows("prepare_checkpoint(%s, %s, %s)", (origin, size, root))

    def publish(self, origin: str, size: int, note: str, anchors: Mapping[str, str | None]) -> None:
        """Write down the note, and what each anchor answered: None, or why it did not take it."""
        self._rows("publish_checkpoint(%s, %s, %s, %s)", (origin, size, note, json.dumps(anchors)))

    def store_tiles(self) -> int:
        """Keep the hashes of tiles that have become full."""
        return int(self._rows("store_log_tiles(%s)", (1000,))[0][0])

    def record(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Append a control event about keys or restoration."""
        self._rows("record_signing(%s, %s)", (kind, json.dumps(detail)))

    def _rows(self, call: str, values: tuple[Any, ...]) -> list[Any]:
        query = sql.SQL("SELECT * FROM {}.").format(sql.Identifier(self._schema)) + sql.SQL(call)
        try:
            return self._conn.execute(query, values).fetchall()
        except (errors.UndefinedFunction, errors.InvalidSchemaName):
            raise NotInstalled(
                f"The kit in schema {self._schema} cannot sign, or is not there.",
                hint="Run `pgaudit-kit install`, which brings it up to date.",
            ) from None
        except errors.InsufficientPrivilege as error:
            raise InsufficientPrivilege(
                f"This role may not sign: {error.diag.message_primary}.",
                hint=f"GRANT {ROLE} TO it.",
            ) from None

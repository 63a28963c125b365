"""Writes the folder: one snapshot, a few blocks in memory, and nothing half done in its place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pgaudit_kit.db import Connection, translated
from pgaudit_kit.errors import FileError
from pgaudit_kit.evidence import verify_evidence
from pgaudit_kit.evidence.folder import Folder, hexed, json_line
from pgaudit_kit.evidence.log_tree import LogTree
from pgaudit_kit.evidence.readme import readme
from pgaudit_kit.evidence.request import Request, Scope, block_values, find_scope
from pgaudit_kit.policy import Policy
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.session import Session, snapshot
from pgaudit_kit.verify.structure import check_structure

_EVENTS = 20_000
_BLOCKS = 256
"""Events and blocks that are read at a time."""

Progress = Callable[[int], None]
"""Called with the number of events written."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what the verifier says about it."""

    manifest: dict[str, Any]
    report: dict[str, Any]


def export(conn: Connection, schema: str, request: Request, target: Path, progress: Progress) -> Exported:
    """Write the evidence to `target`, which must not exist or be empty; then check it as an auditor would.

    Raises Inconclusive where nothing of what is asked for is sealed (or signed, once there is a
    checkpoint), InsufficientPrivilege where this role cannot see all of it.
    """
    check_target(target)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with translated(), snapshot(conn, schema) as session:
            check_structure(session, schema, Findings())
            manifest = _Export(session, request, find_scope(session, request), partial, progress).write()
        report = verify_evidence.check(str(partial), **trusted(request.policy))
        partial.rename(target)
    except OSError as error:
        raise FileError(f"The evidence cannot be written: {error.strerror}.", at=str(target)) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Exported(manifest, report)


def trusted(policy: Policy | None) -> dict[str, Any]:
    """What the verifier takes from a policy."""
    if policy is None:
        return {}
    return {
        "keys": [f"{key.vkey} {key.from_size}-{key.to_size or ''}" for key in policy.keys],
        "witnesses": [witness.vkey for witness in policy.witnesses],
        "quorum": policy.quorum,
        "origins": policy.origins,
    }


def check_target(target: Path) -> None:
    """Refuse a place where something is, or where nothing can be."""
    try:
        if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
            raise FileError(
                "There is something already; evidence is written to a folder of its own.",
                at=str(target),
                hint="Name a folder that does not exist yet.",
            )
        if not target.parent.is_dir():
            raise FileError("The folder it is to be in does not exist.", at=str(target.parent))
    except OSError as error:
        raise FileError(f"The folder cannot be looked at: {error.strerror}.", at=str(target)) from None


@dataclass(slots=True)
class _Export:
    session: Session
    request: Request
    scope: Scope
    path: Path
    progress: Progress
    folder: Folder = field(init=False)
    tree: LogTree | None = None
    tables: set[tuple[int, int]] = field(default_factory=set)
    events: int = 0
    openings: int = 0
    blocks: int = 0
    listed: int = 0
    """Events of the blocks that are exported."""
    last: tuple[int, bytes] = (0, b"")

    def write(self) -> dict[str, Any]:
        self.folder = Folder(self.path)
        if self.request.personal:
            self.folder.start("personal.jsonl")
        if self.scope.checkpoints:
            self.tree = LogTree(self.session, self.scope.size)
        for chunk in self._chunks():
            self._write_blocks(chunk)
            self._write_events([event for row in chunk for event in self._wanted(row)])
            self.progress(self.events)
        self._write_checkpoints()
        self._write_tables()
        self._write_keys()
        source = Path(verify_evidence.__file__).read_bytes()
        self.folder.put("verify_evidence.py", source)
        left_out = self._left_out()
        self.folder.put("README.md", readme(self.request, self.scope, left_out).encode())
        manifest = self._manifest(left_out)
        manifest["files"] = self.folder.close()
        self.folder.put("manifest.json", (json_line(manifest, indent=1)))
        return manifest

    def _chunks(self) -> Iterator[list[Any]]:
        """Blocks, a few at a time."""
        chunk: list[Any] = []
        events = 0
        for row in self.session.stream("evidence/blocks", block_values(self.request, self.scope), batch=16):
            chunk.append(row)
            events += len(row.event_ids)
            if events >= _EVENTS or len(chunk) >= _BLOCKS:
                yield chunk
                chunk, events = [], 0
        if chunk:
            yield chunk

    def _wanted(self, row: Any) -> Sequence[int]:
        """Events of the block whose lines are exported."""
        if self.scope.is_border(row.block_number):
            return ()
        if self.request.kind == "events":
            return [event for event in row.event_ids if event in self.request.event_ids]
        ids: Sequence[int] = row.event_ids
        return ids

    def _write_blocks(self, rows: list[Any]) -> None:
        for row in rows:
            border = self.scope.is_border(row.block_number)
            self.folder.line("blocks.jsonl", bytes(row.header))
            lists = {
                "block_number": row.block_number,
                "event_ids": None if border else row.event_ids,
                "event_hashes": None if border else bytes(row.event_hashes).hex(),
            }
            self.folder.line("block-events.jsonl", json_line(lists))
            proof = hexed(self.tree.inclusion(row.log_index)) if self.tree else None
            self.folder.line("log/inclusion.jsonl", json_line({"log_index": row.log_index, "proof": proof}))
            self.blocks += not border
            self.listed += 0 if border else len(row.event_ids)
            self.last = row.block_number, bytes(row.header)

    def _write_events(self, ids: list[int]) -> None:
        """The lines as they were hashed, and what opens their commitments."""
        if not ids:
            return
        values = {"tenant": self.request.tenant, "ids": ids, "low": min(ids), "high": max(ids)}
        with self.session.readable():
            for row in self.session.stream("evidence/events", values, batch=2000, hash_join=True):
                self.folder.line("events.jsonl", bytes(row.line))
                self.events += 1
                if row.table_id is not None and row.table_version is not None:
                    self.tables.add((row.table_id, row.table_version))
            if not self.request.personal:
                return
            for row in self.session.stream("evidence/personal", values, batch=2000, hash_join=True):
                opening = {
                    "event_id": row.event_id,
                    "what": row.what,
                    "salt": row.salt,
                    "text": bytes(row.value).decode(),
                }
                self.folder.line("personal.jsonl", json_line(opening))
                self.openings += 1

    def _write_checkpoints(self) -> None:
        scope = self.scope
        steps = []
        if scope.checkpoints:
            values = {"origin": scope.origin, "sizes": scope.checkpoints}
            for row in self.session.rows("evidence/notes", values):
                self.folder.put(f"checkpoints/{row.size}.note", bytes(row.note))
            for old, new in zip(scope.checkpoints, scope.checkpoints[1:], strict=False):
                proof = LogTree(self.session, new).consistency(old)
                steps.append({"from": old, "to": new, "proof": hexed(proof)})
        self.folder.put("log/consistency.json", json_line(steps, indent=1))

    def _write_tables(self) -> None:
        tables = sorted(self.tables)
        values = {
            "table_ids": [table_id for table_id, _ in tables],
            "table_versions": [version for _, version in tables],
        }
        rows = [row._asdict() for row in self.session.rows("evidence/tables", values)]
        recorded = [row._asdict() for row in self.session.rows("evidence/recorded", values)]
        self.folder.put("tables.json", json_line({"tables": rows, "recorded": recorded}, indent=1))

    def _write_keys(self) -> None:
        lines = [
            "# Keys as whoever exported the evidence states them. Do not rely on them: whoever forges a log",
            "# signs it with a key of his own. Ask somebody else for the key, and compare.",
        ]
        if self.request.policy is not None:
            lines += [key.vkey for key in self.request.policy.keys]
            lines += [witness.vkey for witness in self.request.policy.witnesses]
        self.folder.put("keys", "".join(f"{line}\n" for line in lines).encode())

    def _left_out(self) -> dict[str, Any]:
        """Counts of what the evidence does not cover."""
        values = {"tenant": self.request.tenant, "size": self.scope.size}
        (row,) = self.session.rows("evidence/left_out", values)
        return {
            "now": row.now,
            "sealed_after_the_checkpoint": row.later,
            "not_sealed": max(0, row.stored - self.scope.sealed),
        }

    def _manifest(self, left_out: dict[str, Any]) -> dict[str, Any]:
        number, header = self.last
        return {
            "format": verify_evidence.FORMAT,
            "created_at": left_out.pop("now"),
            "tenant": self.request.tenant,
            "tenant_salt": self.scope.salt.hex(),
            "asked": self.request.facts(),
            "counts": {
                "events": self.events,
                "events_in_blocks": self.listed,
                "blocks": self.blocks,
                "openings": self.openings,
            },
            "not_covered": left_out,
            "last_block": {
                "block_number": number,
                "block_hash": sha256(header).hexdigest(),
            },
            "origin": self.scope.origin,
            "checkpoints": self.scope.checkpoints,
        }

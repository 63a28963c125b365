"""The block header, version 1: one line, rendered and read strictly."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from pgaudit_kit.chain.line import json_hex, json_or_null, json_text


class HeaderMalformed(ValueError):
    """The text is not a version 1 block header."""


@dataclass(frozen=True, slots=True)
class Incarnation:
    """Which running copy of the database sealed: cluster, timeline, database, boundary."""

    system_identifier: int
    timeline: int
    database_oid: int
    event_id_boundary: int


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What `block_hash` covers. A seal record has the last three fields, other blocks none."""

    log_index: int
    tenant: bytes
    block_number: int
    prev_hash: bytes
    event_count: int
    first_event_id: int | None
    last_event_id: int | None
    merkle_root: bytes
    sealed_at: str
    snapshot: str | None = None
    incarnation: Incarnation | None = None
    fingerprint: bytes | None = None
    v: int = 1


def header_line(header: BlockHeader) -> str:
    """Return the header as row_to_json prints `block_v1`, with the seal fields if it has them.

    Raises ValueError where only some of the three seal fields are set.
    """
    line = (
        f'{{"v":{header.v},"log_index":{header.log_index},"tenant":{json_hex(header.tenant)}'
        f',"block_number":{header.block_number},"prev_hash":{json_hex(header.prev_hash)}'
        f',"event_count":{header.event_count},"first_event_id":{json_or_null(header.first_event_id)}'
        f',"last_event_id":{json_or_null(header.last_event_id)}'
        f',"merkle_root":{json_hex(header.merkle_root)},"sealed_at":{json_text(header.sealed_at)}'
    )
    copy = header.incarnation
    if header.snapshot is None and copy is None and header.fingerprint is None:
        return line + "}"
    if header.snapshot is None or copy is None or header.fingerprint is None:
        raise ValueError("a seal record has snapshot, incarnation and fingerprint, all three")
    return (
        f'{line},"snapshot":{json_text(header.snapshot)}'
        f',"incarnation":{{"system_identifier":{copy.system_identifier}'
        f',"timeline":{copy.timeline},"database_oid":{copy.database_oid}'
        f',"event_id_boundary":{copy.event_id_boundary}}}'
        f',"fingerprint":{json_hex(header.fingerprint)}}}'
    )


def block_hash(line: str) -> bytes:
    """SHA-256 of the header's UTF-8 bytes; UnicodeEncodeError for a lone surrogate."""
    return sha256(line.encode()).digest()


def tenant_digest(salt: bytes, tenant_id: str) -> bytes:
    """SHA-256(salt || UTF-8 of the tenant id): a header's name for its tenant."""
    return sha256(salt + tenant_id.encode()).digest()


_KEYS = [
    "v",
    "log_index",
    "tenant",
    "block_number",
    "prev_hash",
    "event_count",
    "first_event_id",
    "last_event_id",
    "merkle_root",
    "sealed_at",
]
_SEAL_KEYS = ["snapshot", "incarnation", "fingerprint"]
_INCARNATION_KEYS = ["system_identifier", "timeline", "database_oid", "event_id_boundary"]
_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_SNAPSHOT = re.compile(r"[0-9]{1,20}:[0-9]{1,20}:([0-9]{1,20}(,[0-9]{1,20})*)?")
_BIGINT = 2**63


def parse_header(text: str) -> BlockHeader:
    """Read a header line strictly: these keys, this order, this spelling, nothing else.

    Raises HeaderMalformed, saying what is wrong. What it returns renders to `text` again.
    """
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except RecursionError:
        raise HeaderMalformed("nested too deeply") from None
    except ValueError as error:
        raise HeaderMalformed(f"not JSON: {error}") from None
    seal = isinstance(pairs, _Pairs) and len(pairs) > len(_KEYS)
    fields = _fields(pairs, _KEYS + _SEAL_KEYS if seal else _KEYS, "header")
    incarnation = None
    if seal:
        inner = _fields(fields["incarnation"], _INCARNATION_KEYS, "incarnation")
        incarnation = Incarnation(*(_int(inner, key, -_BIGINT) for key in _INCARNATION_KEYS))
    header = BlockHeader(
        v=_int(fields, "v", 1, 1),
        log_index=_int(fields, "log_index", 0),
        tenant=_digest(fields, "tenant"),
        block_number=_int(fields, "block_number", 1),
        prev_hash=_digest(fields, "prev_hash"),
        event_count=_int(fields, "event_count", 0),
        first_event_id=_event_id(fields, "first_event_id"),
        last_event_id=_event_id(fields, "last_event_id"),
        merkle_root=_digest(fields, "merkle_root"),
        sealed_at=_time(fields, "sealed_at"),
        snapshot=_matching(fields, "snapshot", _SNAPSHOT) if seal else None,
        incarnation=incarnation,
        fingerprint=_digest(fields, "fingerprint") if seal else None,
    )
    if header_line(header) != text:
        raise HeaderMalformed("not spelled as PostgreSQL prints it (spaces, escapes or zeros)")
    return header


class _Pairs(list[tuple[str, Any]]):
    """A JSON object in reading order, duplicates kept."""


def _fields(pairs: object, keys: list[str], what: str) -> dict[str, Any]:
    if not isinstance(pairs, _Pairs):
        raise HeaderMalformed(f"{what} is not an object")
    found = [key for key, _ in pairs]
    if found != keys:
        raise HeaderMalformed(f"{what} has the keys {found!s:.300}, expected {keys} in this order")
    return dict(pairs)


def _int(fields: dict[str, Any], key: str, low: int, high: int = _BIGINT - 1) -> int:
    value = fields[key]
    if type(value) is not int or not low <= value <= high:
        raise HeaderMalformed(f"{key} is {value!r:.100}, expected an integer {low}..{high}")
    return value


def _event_id(fields: dict[str, Any], key: str) -> int | None:
    return None if fields[key] is None else _int(fields, key, 1)


def _matching(fields: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value = fields[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise HeaderMalformed(f"{key} is {value!r:.100}, expected {pattern.pattern}")
    return value


def _time(fields: dict[str, Any], key: str) -> str:
    value = _matching(fields, key, _TIME)
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise HeaderMalformed(f"{key} is {value!r}: {error}") from None
    return value


def _digest(fields: dict[str, Any], key: str) -> bytes:
    return bytes.fromhex(_matching(fields, key, _HASH))

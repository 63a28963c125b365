"""The event line, version 1, and the hashes that protect it.

JSON that PostgreSQL printed stays the text it was: re-serialising it would turn 1.10 into 1.1.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from json.encoder import encode_basestring  # type: ignore[attr-defined,unused-ignore]


@dataclass(frozen=True, slots=True)
class Event:
    """One row of `change_events`, columns in the contract's order.

    `context`, `old_values` and `new_values` are the text PostgreSQL prints for the jsonb.
    """

    event_id: int
    occurred_at: datetime
    transaction_id: int
    tenant_id: str
    table_id: int | None
    table_version: int | None
    operation: str
    record_key: str | None
    actor_id: str | None
    action: str | None
    context: str | None
    old_values: str | None
    new_values: str | None
    personal_commitment: bytes | None
    row_xmin: int | None


def utc_text(moment: datetime) -> str:
    """Return "YYYY-MM-DDTHH:MI:SS.USZ" in UTC; ValueError for a time without a zone."""
    if moment.tzinfo is not UTC:
        if moment.utcoffset() is None:
            raise ValueError(f"{moment} has no time zone")
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def event_line(event: Event) -> str:
    """Return the event's line, version 1: what row_to_json prints for `event_v1`.

    Strings are escaped as PostgreSQL's escape_json does it: quote, backslash and the control
    characters below 0x20, nothing else. Raises ValueError for a time without a zone.
    """
    commitment = event.personal_commitment
    return (
        f'{{"v":1,"event_id":{event.event_id},"occurred_at":"{utc_text(event.occurred_at)}"'
        f',"transaction_id":{event.transaction_id},"tenant_id":{json_text(event.tenant_id)}'
        f',"table_id":{json_or_null(event.table_id)},"table_version":{json_or_null(event.table_version)}'
        f',"operation":{json_text(event.operation)},"record_key":{json_text(event.record_key)}'
        f',"actor_id":{json_text(event.actor_id)},"action":{json_text(event.action)}'
        f',"context":{json_or_null(event.context)},"old_values":{json_or_null(event.old_values)}'
        f',"new_values":{json_or_null(event.new_values)}'
        f',"personal_commitment":{"null" if commitment is None else json_hex(commitment)}'
        f',"row_xmin":{json_or_null(event.row_xmin)}}}'
    )


def event_hash(line: str) -> bytes:
    """SHA-256 of the line's UTF-8 bytes; UnicodeEncodeError for a lone surrogate."""
    return sha256(line.encode()).digest()


def personal_commitment(salt: bytes, json_array_text: str) -> bytes:
    """SHA-256(salt || UTF-8 of the array [old,new,context] as PostgreSQL prints it)."""
    return sha256(salt + json_array_text.encode()).digest()


def json_or_null(value: int | str | None) -> str:
    """Print a number or JSON text as it is, None as null."""
    return "null" if value is None else str(value)


def json_text(value: str | None) -> str:
    """Print a string as escape_json does, None as null."""
    # the standard library's escapes are those of escape_json; a property test holds it to that
    return "null" if value is None else encode_basestring(value)


def json_hex(value: bytes) -> str:
    """Print bytes as a string of lower-case hex."""
    return f'"{value.hex()}"'

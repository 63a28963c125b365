"""The Python bytes against PostgreSQL's own: event line, header and Merkle root.

The statements here use built-in functions only, so that they are independent of the kit's SQL.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgaudit_kit import chain, merkle
from pgaudit_kit.resources import sql_text
from tests.servers import Database

BIGINT = st.integers(1, 2**63 - 1)
XID8 = st.integers(3, 2**63 - 1).filter(lambda xid: xid % 2**32 >= 3) | st.integers(3, 2_000)
INTEGER = st.integers(1, 2**31 - 1)
HASHES = st.binary(min_size=32, max_size=32)

# what PostgreSQL's text can hold: any character but NUL and surrogates, the awkward ones often
CHARACTERS = st.one_of(
    st.sampled_from("\"\\/\b\f\n\r\t\x01\x1f\x7f\x80\x85\xa0\u2028\u2029\ufeff\uffff\U0010ffff{}[]:,'$%"),
    st.characters(codec="utf-8", exclude_characters="\0"),
)
TEXT = st.text(CHARACTERS, max_size=40)

NUMBERS = st.one_of(
    st.integers().map(str),
    st.sampled_from(
        ["0", "-0", "-0.0", "1.0", "1.00", "1.10", "1e3", "1E-7", "1e300", "0.1e-400", "-1.50e+2"]
    ),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
STRINGS = st.one_of(TEXT.map(json.dumps), TEXT.map(lambda text: json.dumps(text, ensure_ascii=False)))
JSON = st.recursive(
    st.one_of(st.sampled_from(["null", "true", "false"]), NUMBERS, STRINGS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{' , '.join(items)}]"),
        st.lists(st.tuples(STRINGS, inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{key}: {value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=12,
)
MOMENTS = st.datetimes(
    datetime(2000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), timezones=st.just(UTC)
)

COLUMNS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "event_id": ("bigint", BIGINT),
    "occurred_at": ("timestamptz", MOMENTS),
    "transaction_id": ("bigint", BIGINT),
    "tenant_id": ("text", TEXT),
    "table_id": ("integer", st.none() | INTEGER),
    "table_version": ("integer", st.none() | INTEGER),
    "operation": ('"char"', st.sampled_from("IUDTBC")),
    "record_key": ("text", st.none() | TEXT),
    "actor_id": ("text", st.none() | TEXT),
    "action": ("text", st.none() | TEXT),
    "context": ("jsonb", st.none() | JSON),
    "old_values": ("jsonb", st.none() | JSON),
    "new_values": ("jsonb", st.none() | JSON),
    "personal_commitment": ("bytea", st.none() | HASHES),
    "row_xmin": ("xid", st.none() | st.integers(0, 2**32 - 1)),
}
ROWS = st.fixed_dictionaries({name: strategy for name, (_, strategy) in COLUMNS.items()})
NULLS = {name: None for name in COLUMNS} | {
    "event_id": 1,
    "occurred_at": datetime(2000, 1, 1, tzinfo=UTC),
    "transaction_id": 3,
    "tenant_id": "",
    "operation": "C",
}

# one row with the columns of change_events, in the contract's order
ROW = ", ".join(
    f"{'%(xmin)s::text::xid' if type_ == 'xid' else f'%({name})s::{type_}'} AS {name}"
    for name, (type_, _) in COLUMNS.items()
).replace("%(xmin)s", "%(row_xmin)s")
PRINTED = {
    "occurred_at": """to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "personal_commitment": "encode(e.personal_commitment, 'hex')",
    "row_xmin": "e.row_xmin::text::bigint",
}
LINE = f"""
    SELECT convert_to(row_to_json(l)::text, 'UTF8'), e.context::text, e.old_values::text, e.new_values::text
    FROM (SELECT {ROW}) AS e,
    LATERAL (
        SELECT 1 AS v, {", ".join(f"{PRINTED.get(name, f'e.{name}')} AS {name}" for name in COLUMNS)}
    ) AS l
"""


def render_line() -> str:
    """The expression that seal() and verify hash, over a row `e`."""
    text = sql_text("snippets/line_text.sql")
    return text.replace("{{ event_id }}", "e.event_id").replace("{{ tenant_id }}", "e.tenant_id")


HEADER = """
    SELECT convert_to(row_to_json(h)::text, 'UTF8')
    FROM (
        SELECT 1 AS v, %(log_index)s::bigint AS log_index, encode(%(tenant)s, 'hex') AS tenant,
            %(block_number)s::bigint AS block_number, encode(%(prev_hash)s, 'hex') AS prev_hash,
            %(event_count)s::integer AS event_count, %(first)s::bigint AS first_event_id,
            %(last)s::bigint AS last_event_id, encode(%(merkle_root)s, 'hex') AS merkle_root,
            to_char(%(sealed_at)s::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                AS sealed_at
            {seal}
    ) AS h
"""
SEAL = """,
            %(snapshot)s::pg_snapshot AS snapshot,
            (SELECT i FROM (
                SELECT %(system)s::bigint AS system_identifier, %(timeline)s::integer AS timeline,
                    %(oid)s::bigint AS database_oid, %(boundary)s::bigint AS event_id_boundary
            ) AS i) AS incarnation,
            encode(%(fingerprint)s, 'hex') AS fingerprint
"""

ROOT = r"""
    WITH RECURSIVE level (n) AS (
        SELECT (
            SELECT string_agg(sha256('\x00'::bytea || substr(h.b, i * 32 + 1, 32)), ''::bytea ORDER BY i)
            FROM generate_series(0, octet_length(h.b) / 32 - 1) AS i
        )
        FROM (SELECT %(hashes)s::bytea AS b) AS h
        UNION ALL
        SELECT (
            SELECT string_agg(
                CASE WHEN octet_length(l.n) >= i * 64 + 64
                    THEN sha256('\x01'::bytea || substr(l.n, i * 64 + 1, 64))
                    ELSE substr(l.n, i * 64 + 1, 32)
                END, ''::bytea ORDER BY i)
            FROM generate_series(0, (octet_length(l.n) - 1) / 64) AS i
        )
        FROM level AS l
        WHERE octet_length(l.n) > 32
    )
    SELECT coalesce((SELECT n FROM level WHERE octet_length(n) = 32), sha256(''))
"""


def answer(db: Database, statement: str, values: dict[str, Any]) -> tuple[Any, ...]:
    row = db.execute(statement, values).fetchone()
    assert isinstance(row, tuple)
    return row


def as_event(row: dict[str, Any], printed: tuple[Any, ...]) -> chain.Event:
    """The event as a client reads it: the jsonb columns as the server's text."""
    context, old_values, new_values = printed
    return chain.Event(**row | {"context": context, "old_values": old_values, "new_values": new_values})


@given(row=ROWS)
@example(row=NULLS)
def test_event_line_is_what_row_to_json_prints(db: Database, row: dict[str, Any]) -> None:
    line, *printed = answer(db, LINE, row)
    event = as_event(row, tuple(printed))
    assert chain.event_line(event).encode() == line
    assert chain.event_hash(line.decode()) == sha256(line).digest()


FAST = f"""
    SELECT convert_to({render_line()}, 'UTF8'), convert_to(row_to_json(l)::text, 'UTF8')
    {LINE[LINE.index("FROM (SELECT") :]}
"""


@given(row=ROWS)
@example(row=NULLS)
def test_the_line_that_is_hashed_is_the_line(db: Database, row: dict[str, Any]) -> None:
    hashed, line = answer(db, FAST, row)
    assert hashed == line


@pytest.mark.any_server
def test_every_awkward_character_is_escaped_alike(db: Database) -> None:
    for code in (*range(1, 0x180), 0x2028, 0xFFFE, 0xFFFF, 0x1F600, 0x10FFFF):
        row = NULLS | {"tenant_id": chr(code), "context": json.dumps({chr(code): [chr(code)]})}
        line, *printed = answer(db, LINE, row)
        assert chain.event_line(as_event(row, tuple(printed))).encode() == line


@st.composite
def header_values(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(0, chain.BLOCK_EVENTS))
    low, high = sorted(draw(st.tuples(XID8, XID8)))
    running = sorted(xid for xid in draw(st.sets(XID8, max_size=4)) if low <= xid < high)
    return {
        "log_index": draw(st.integers(0, 2**63 - 1)),
        "tenant": draw(HASHES),
        "block_number": draw(BIGINT),
        "prev_hash": draw(HASHES),
        "event_count": count,
        "first": draw(BIGINT) if count else None,
        "last": draw(BIGINT) if count else None,
        "merkle_root": draw(HASHES),
        "sealed_at": draw(MOMENTS),
        "snapshot": f"{low}:{high}:{','.join(map(str, running))}",
        "system": draw(st.integers(-(2**63), 2**63 - 1)),
        "timeline": draw(INTEGER),
        "oid": draw(st.integers(1, 2**32 - 1)),
        "boundary": draw(st.integers(0, 2**63 - 1)),
        "fingerprint": draw(HASHES),
    }


@given(values=header_values(), seal=st.booleans())
def test_header_is_what_row_to_json_prints(db: Database, values: dict[str, Any], seal: bool) -> None:
    (printed,) = answer(db, HEADER.replace("{seal}", SEAL if seal else ""), values)
    copy = chain.Incarnation(values["system"], values["timeline"], values["oid"], values["boundary"])
    header = chain.BlockHeader(
        log_index=values["log_index"],
        tenant=values["tenant"],
        block_number=values["block_number"],
        prev_hash=values["prev_hash"],
        event_count=values["event_count"],
        first_event_id=values["first"],
        last_event_id=values["last"],
        merkle_root=values["merkle_root"],
        sealed_at=chain.utc_text(values["sealed_at"]),
        snapshot=values["snapshot"] if seal else None,
        incarnation=copy if seal else None,
        fingerprint=values["fingerprint"] if seal else None,
    )
    assert chain.header_line(header).encode() == printed
    assert chain.parse_header(printed.decode()) == header


@given(count=st.integers(0, 70), seed=st.binary(max_size=8))
def test_merkle_root_is_what_the_sql_expression_gives(db: Database, count: int, seed: bytes) -> None:
    hashes = b"".join(sha256(seed + bytes([number])).digest() for number in range(count))
    (root,) = answer(db, ROOT, {"hashes": hashes})
    assert merkle.root_of_concatenated(hashes) == root


@given(salt=HASHES, values=st.tuples(JSON, JSON, JSON))
def test_digests_are_those_of_the_server(db: Database, salt: bytes, values: tuple[str, str, str]) -> None:
    statement = """
        WITH a AS (SELECT jsonb_build_array(%(old)s::jsonb, %(new)s::jsonb, %(context)s::jsonb)::text AS t)
        SELECT t, sha256(%(salt)s::bytea || convert_to(t, 'UTF8')) FROM a
    """
    old, new, context = values
    text, digest = answer(db, statement, {"old": old, "new": new, "context": context, "salt": salt})
    assert chain.personal_commitment(salt, text) == digest
    assert chain.tenant_digest(salt, text) == digest


# --- the kit's own functions give the same

KIT = (
    "tables/types.sql",
    "tables/change_events.sql",
    "functions/event_line.sql",
    "functions/merkle_root.sql",
)
INSERT = f"""
    INSERT INTO audit.change_events AS e ({", ".join(COLUMNS)}) SELECT * FROM (SELECT {ROW}) AS r
    RETURNING convert_to(audit.event_line(e), 'UTF8'), e.context::text, e.old_values::text, e.new_values::text
"""


@pytest.fixture
def kit(db: Database) -> Database:
    """The database with those of the kit's objects that make bytes, and nothing else."""
    role = db.role(options="NOLOGIN")
    db.execute("CREATE SCHEMA audit")
    for path in KIT:
        text = sql_text(path).replace("{{ audit }}", "audit")
        db.execute(text.replace("{{ reader }}", role).replace("{{ auditor }}", role))
    return db


@given(row=ROWS)
@example(row=NULLS)
def test_audit_event_line_gives_the_same_bytes(kit: Database, row: dict[str, Any]) -> None:
    with kit.transaction(force_rollback=True):
        line, *printed = answer(kit, INSERT, row)
    assert chain.event_line(as_event(row, tuple(printed))).encode() == line


@given(count=st.integers(0, 300), seed=st.binary(max_size=8))
def test_audit_merkle_root_gives_the_same_root(kit: Database, count: int, seed: bytes) -> None:
    hashes = b"".join(sha256(seed + number.to_bytes(2, "big")).digest() for number in range(count))
    (root,) = answer(kit, "SELECT audit.merkle_root(%(hashes)s)", {"hashes": hashes})
    assert merkle.root_of_concatenated(hashes) == root


@pytest.mark.parametrize("seal", [False, True])
def test_header_types_have_the_fields_in_order(kit: Database, seal: bool) -> None:
    fields = kit.execute(
        """
        SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum
        """,
        ["audit.seal_v1" if seal else "audit.block_v1"],
    ).fetchall()
    header = chain.BlockHeader(1, bytes(32), 1, bytes(32), 0, None, None, bytes(32), "")
    if seal:
        header = replace(
            header, snapshot="", incarnation=chain.Incarnation(1, 1, 1, 1), fingerprint=bytes(32)
        )
    assert [name for (name,) in fields] == list(json.loads(chain.header_line(header)))

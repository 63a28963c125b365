"""Event line, header and chain: known bytes, round trips, and every mutation found."""

import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import chain, merkle

SALT = bytes(range(32))
BIGINTS = st.integers(1, 2**63 - 1)
HASHES = st.binary(min_size=32, max_size=32)
EVENT = chain.Event(
    event_id=7,
    occurred_at=datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC),
    transaction_id=701,
    tenant_id="acme",
    table_id=1,
    table_version=2,
    operation="U",
    record_key="42",
    actor_id="u\\1",
    action='say "hi"\n',
    context='{"ip": "::1", "n": 1.10}',
    old_values='{"a": 1.0}',
    new_values='{"a": 1.00}',
    personal_commitment=bytes([0xAB] * 32),
    row_xmin=703,
)
NULLABLE: dict[str, Any] = dict.fromkeys(
    "table_id table_version record_key actor_id action context"
    " old_values new_values personal_commitment row_xmin".split()
)
NULLS = replace(EVENT, **NULLABLE)


# --- event line


def test_event_line_known_bytes():
    assert chain.event_line(EVENT) == (
        '{"v":1,"event_id":7,"occurred_at":"2026-01-02T03:04:05.000060Z","transaction_id":701,'
        '"tenant_id":"acme","table_id":1,"table_version":2,"operation":"U","record_key":"42",'
        '"actor_id":"u\\\\1","action":"say \\"hi\\"\\n","context":{"ip": "::1", "n": 1.10},'
        '"old_values":{"a": 1.0},"new_values":{"a": 1.00},'
        f'"personal_commitment":"{"ab" * 32}","row_xmin":703}}'
    )


def test_event_line_keeps_nulls():
    assert chain.event_line(NULLS) == (
        '{"v":1,"event_id":7,"occurred_at":"2026-01-02T03:04:05.000060Z","transaction_id":701,'
        '"tenant_id":"acme","table_id":null,"table_version":null,"operation":"U",'
        '"record_key":null,"actor_id":null,"action":null,"context":null,"old_values":null,'
        '"new_values":null,"personal_commitment":null,"row_xmin":null}'
    )


@pytest.mark.parametrize("code", [*range(1, 0x120), 0x2028, 0xFFFF, 0x1F600])
def test_strings_are_escaped_like_escape_json(code: int):
    short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
    escaped = short.get(code, f"\\u{code:04x}" if code < 0x20 else chr(code))
    assert f'"tenant_id":"{escaped}",' in chain.event_line(replace(EVENT, tenant_id=chr(code)))


def test_occurred_at_is_utc_whatever_its_zone():
    there = EVENT.occurred_at.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    assert chain.event_line(replace(EVENT, occurred_at=there)) == chain.event_line(EVENT)


def test_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        chain.utc_text(datetime(2026, 1, 1))


def test_hashes_add_nothing_to_the_bytes():
    line = chain.event_line(replace(EVENT, tenant_id="Zoë"))
    assert chain.event_hash(line) == sha256(line.encode("utf-8")).digest()
    assert chain.block_hash("{}") == sha256(b"{}").digest()
    assert chain.tenant_digest(SALT, "Zoë") == sha256(SALT + b"Zo\xc3\xab").digest()
    assert chain.personal_commitment(SALT, "[1.10]") == sha256(SALT + b"[1.10]").digest()


# --- header

incarnations = st.builds(
    chain.Incarnation,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(1, 2**31 - 1),
    st.integers(1, 2**32 - 1),
    st.integers(0, 2**63 - 1),
)
snapshots = st.builds(
    lambda low, high, running: f"{low}:{high}:{','.join(map(str, running))}",
    BIGINTS,
    BIGINTS,
    st.lists(BIGINTS, max_size=4),
)
times = st.datetimes(datetime(2000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


@st.composite
def headers(draw: st.DrawFn) -> chain.BlockHeader:
    count = draw(st.integers(0, chain.BLOCK_EVENTS))
    seal = draw(st.booleans())
    return chain.BlockHeader(
        log_index=draw(st.integers(0, 2**63 - 1)),
        tenant=draw(HASHES),
        block_number=draw(BIGINTS),
        prev_hash=draw(HASHES),
        event_count=count,
        first_event_id=draw(BIGINTS) if count else None,
        last_event_id=draw(BIGINTS) if count else None,
        merkle_root=draw(HASHES),
        sealed_at=chain.utc_text(draw(times)),
        snapshot=draw(snapshots) if seal else None,
        incarnation=draw(incarnations) if seal else None,
        fingerprint=draw(HASHES) if seal else None,
    )


HEADER = chain.BlockHeader(
    log_index=5,
    tenant=bytes([0x11] * 32),
    block_number=2,
    prev_hash=bytes([0x22] * 32),
    event_count=0,
    first_event_id=None,
    last_event_id=None,
    merkle_root=merkle.EMPTY_ROOT,
    sealed_at="2026-01-02T03:04:05.000060Z",
)
SEAL = replace(
    HEADER,
    snapshot="10:20:11,12",
    incarnation=chain.Incarnation(7_000_000_000_000_000_001, 1, 16384, 99),
    fingerprint=bytes([0x33] * 32),
)


def test_header_known_bytes():
    assert chain.header_line(HEADER) == (
        f'{{"v":1,"log_index":5,"tenant":"{"11" * 32}","block_number":2,'
        f'"prev_hash":"{"22" * 32}","event_count":0,"first_event_id":null,"last_event_id":null,'
        '"merkle_root":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",'
        '"sealed_at":"2026-01-02T03:04:05.000060Z"}'
    )


def test_seal_record_known_bytes():
    assert chain.header_line(SEAL) == (
        chain.header_line(HEADER)[:-1] + ',"snapshot":"10:20:11,12","incarnation":'
        '{"system_identifier":7000000000000000001,"timeline":1,"database_oid":16384,'
        f'"event_id_boundary":99}},"fingerprint":"{"33" * 32}"}}'
    )


def test_half_a_seal_record_is_refused():
    with pytest.raises(ValueError, match="all three"):
        chain.header_line(replace(SEAL, snapshot=None))


@given(headers())
def test_header_round_trip(header: chain.BlockHeader):
    assert chain.parse_header(chain.header_line(header)) == header


def edited(**fields: Any) -> str:
    return json.dumps(json.loads(chain.header_line(SEAL)) | fields, separators=(",", ":"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "nested too deeply|not JSON"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ("{}", "has the keys"),
        (chain.header_line(HEADER) + " ", "spelled"),
        (chain.header_line(HEADER) + "x", "not JSON"),
        (chain.header_line(HEADER).replace(":5,", ": 5,"), "spelled"),
        (chain.header_line(HEADER).replace('"v"', '"\\u0076"'), "spelled"),
        (chain.header_line(HEADER).replace('"v":1,', ""), "has the keys"),
        (chain.header_line(HEADER).replace('"v":1,', '"v":1,"v":1,'), "has the keys"),
        (chain.header_line(HEADER).replace('"v":1', '"v":2'), "v is 2"),
        (chain.header_line(HEADER).replace('"v":1', '"v":1.0'), r"v is 1\.0"),
        (chain.header_line(HEADER).replace('"v":1', '"v":true'), "v is True"),
        (chain.header_line(HEADER).replace('"v":1,"log_index":5', '"log_index":5,"v":1'), "order"),
        (chain.header_line(HEADER).replace(":5,", f":{'9' * 5000},"), "not JSON"),
        (chain.header_line(HEADER).replace(":5,", ":NaN,"), "log_index is nan"),
        (chain.header_line(SEAL).replace(',"snapshot":"10:20:11,12"', ""), "has the keys"),
        (edited(log_index=-1), "log_index is -1"),
        (edited(log_index=2**63), "log_index"),
        (edited(block_number=0), "block_number is 0"),
        (edited(event_count="0"), "event_count is '0'"),
        (edited(first_event_id=0), "first_event_id is 0"),
        (edited(tenant="AB" * 32), "tenant"),
        (edited(prev_hash="ab" * 31), "prev_hash"),
        (edited(merkle_root=None), "merkle_root is None"),
        (edited(merkle_root="0" * 64 + "\n"), "merkle_root"),
        (edited(sealed_at="2026-02-30T00:00:00.000000Z"), "sealed_at"),
        (edited(sealed_at="2026-02-20 00:00:00.000000Z"), "sealed_at"),
        (edited(sealed_at="\ud800"), "sealed_at"),
        (edited(snapshot="10:20"), "snapshot"),
        (edited(snapshot="10:20:1,"), "snapshot"),
        (edited(snapshot="10:20:\u0661"), "snapshot"),
        (edited(incarnation=None), "incarnation is not an object"),
        (edited(incarnation={"timeline": 1}), "incarnation has the keys"),
        (edited(fingerprint="x"), "fingerprint"),
        (edited(further=1), "has the keys"),
    ],
)
def test_malformed_header_is_refused_and_named(text: str, says: str):
    with pytest.raises(chain.HeaderMalformed, match=says):
        chain.parse_header(text)


# --- chain


def a_block(previous: chain.Link, count: int, tenant_id: str = "acme") -> chain.Block:
    number = previous.block_number + 1
    ids = [number * 1000 + 2 * position for position in range(count)]
    hashes = b"".join(sha256(str(event_id).encode()).digest() for event_id in ids)
    header = chain.BlockHeader(
        log_index=3 * number,
        tenant=chain.tenant_digest(SALT, tenant_id),
        block_number=number,
        prev_hash=previous.block_hash,
        event_count=count,
        first_event_id=ids[0] if ids else None,
        last_event_id=ids[-1] if ids else None,
        merkle_root=merkle.root_of_concatenated(hashes),
        sealed_at=f"2026-01-02T03:04:{number:02}.000000Z",
    )
    line = chain.header_line(header)
    return chain.Block(
        log_index=header.log_index,
        tenant_id=tenant_id,
        first_event_id=header.first_event_id,
        last_event_id=header.last_event_id,
        first_position=previous.next_position,
        block_number=number,
        prev_hash=header.prev_hash,
        event_count=count,
        event_ids=ids,
        event_hashes=hashes,
        merkle_root=header.merkle_root,
        sealed_at=header.sealed_at,
        header=line,
        block_hash=chain.block_hash(line),
    )


def a_chain(counts: tuple[int, ...] = (3, 1, 0, 5, 2)) -> list[chain.Block]:
    blocks: list[chain.Block] = []
    last = chain.START
    for count in counts:
        blocks.append(a_block(last, count))
        last = chain.next_link(last, blocks[-1])
    return blocks


CHAIN = a_chain()


def text_of(block: chain.Block) -> str:
    assert block.header is not None
    return block.header


HEAD = chain.Link(5, chain.block_hash(text_of(CHAIN[-1])))


def found(blocks: list[chain.Block], **options: Any) -> list[tuple[str, int | None]]:
    options = dict[str, Any]({"salt": SALT, "head": HEAD} | options)
    return [(p.kind, p.block_number) for p in chain.check_chain(iter(blocks), **options)]


def altered(at: int, **columns: Any) -> list[chain.Block]:
    return [replace(b, **columns) if i == at else b for i, b in enumerate(CHAIN)]


def reheaded(at: int, **fields: Any) -> chain.Block:
    """The block with header fields changed and everything of its own recomputed."""
    line = chain.header_line(replace(chain.parse_header(text_of(CHAIN[at])), **fields))
    own = {k: v for k, v in fields.items() if k in {f.name for f in dataclasses.fields(chain.Block)}}
    return replace(CHAIN[at], header=line, block_hash=chain.block_hash(line), **own)


def test_sound_chain_has_no_problem():
    assert found(CHAIN) == []


def test_no_blocks_and_no_head_have_no_problem():
    assert found([], head=None) == []


def test_chain_can_be_checked_from_a_known_link():
    start = chain.Link(2, chain.block_hash(text_of(CHAIN[1])))
    assert found(CHAIN[2:], start=start) == []
    assert found(CHAIN[2:], start=replace(start, block_hash=bytes(32))) == [("prev-hash", 3)]


@pytest.mark.parametrize(
    ("at", "column"),
    [
        (at, field.name)
        for field in dataclasses.fields(chain.Block)
        for at, block in enumerate(CHAIN)
        if getattr(block, field.name) is not None
    ],
)
def test_null_in_any_column_is_found(at: int, column: str):
    numbers = {number for _, number in found(altered(at, **{column: None}))}
    assert numbers & {at + 1, None}


@pytest.mark.parametrize(
    ("column", "value", "kinds"),
    [
        ("log_index", 77, ["header-column"]),
        ("tenant_id", "other", ["tenant-digest"]),
        ("prev_hash", bytes(31), ["prev-hash", "header-column"]),
        ("event_count", 4, ["header-column"]),
        ("event_ids", [4000, 4002, 4004, 4006], ["event-count", "event-count", "event-order"]),
        ("event_ids", [4000, 4002, 4004, 4006, 4009], ["event-order"]),
        ("event_ids", [4000, 4004, 4002, 4006, 4008], ["event-order"]),
        ("event_ids", [4000, 4002, 4002, 4006, 4008], ["event-order"]),
        ("event_ids", [4000, None, 4004, 4006, 4008], ["event-order"]),
        ("event_ids", [[4000], [1], [1], [1], [1]], ["event-order"]),
        ("event_ids", [], ["event-count", "event-count", "event-order", "event-order"]),
        ("first_event_id", 4001, ["header-column"]),
        ("last_event_id", 4001, ["header-column"]),
        ("event_hashes", bytes(160), ["merkle-root"]),
        ("event_hashes", (CHAIN[3].event_hashes or b"") + b"x", ["event-count", "merkle-root"]),
        ("event_hashes", b"", ["event-count", "merkle-root"]),
        ("merkle_root", bytes(32), ["header-column"]),
        ("sealed_at", "2026-01-02T03:04:04.000001Z", ["header-column"]),
        ("header", text_of(CHAIN[3]) + " ", ["block-hash", "header-malformed"]),
        ("header", "not json", ["block-hash", "header-malformed"]),
        ("block_hash", bytes(32), ["block-hash"]),
    ],
)
def test_one_changed_column_is_found_at_its_block(column: str, value: object, kinds: list[str]):
    seen = found(altered(3, **{column: value}))
    assert [kind for kind, number in seen if number == 4] == kinds
    # a changed header breaks the next block's link, a shorter list shifts it; nothing reaches further
    further = {"header": {("prev-hash", 5)}, "event_ids": {("event-count", 5)}}
    assert {p for p in seen if p[1] != 4} <= further.get(column, set())
    assert column != "header" or ("prev-hash", 5) in seen


def test_shifted_position_is_found_at_its_block_and_no_further_than_the_next():
    assert found(altered(1, first_position=9)) == [("event-count", 2), ("event-count", 3)]


def test_head_that_counts_other_events_is_found():
    assert found(CHAIN, head=replace(HEAD, next_position=12)) == []
    assert found(CHAIN, head=replace(HEAD, next_position=11)) == [("event-count", 5)]


@pytest.mark.parametrize("kept", [{"log_index": 78}, {"sealed_at": "2026-01-02T03:04:59.000000Z"}])
def test_recomputed_header_breaks_the_next_link(kept: dict[str, Any]):
    assert found([*CHAIN[:3], reheaded(3, **kept), CHAIN[4]]) == [("prev-hash", 5)]


def test_recomputed_last_header_differs_from_the_head():
    assert found([*CHAIN[:4], reheaded(4, log_index=78)]) == [("block-hash", 5)]


@pytest.mark.parametrize("name", ["log_index", "block_number", "event_count"])
def test_header_number_against_its_column(name: str):
    header = chain.parse_header(text_of(CHAIN[3]))
    line = chain.header_line(replace(header, **{name: getattr(header, name) + 1}))
    seen = found(altered(3, header=line, block_hash=chain.block_hash(line)))
    assert ("header-column", 4) in seen


@given(st.integers(0, 4), st.data())
def test_any_other_byte_in_a_header_is_found_at_that_block(at: int, data: st.DataObject):
    text = text_of(CHAIN[at])
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(exclude_characters=text[position], codec="utf-8"))
    seen = found(altered(at, header=text[:position] + other + text[position + 1 :]))
    assert ("block-hash", at + 1) in seen


@given(st.integers(0, 4), st.data())
def test_any_other_event_hash_is_found_at_that_block(at: int, data: st.DataObject):
    hashes = CHAIN[at].event_hashes or b""
    other = data.draw(st.binary(min_size=len(hashes), max_size=len(hashes) + 32))
    if other != hashes:
        assert ("merkle-root", at + 1) in found(altered(at, event_hashes=other))


@given(st.data())
def test_every_header_field_changed_alone_is_found(data: st.DataObject):
    at = data.draw(st.integers(0, 4))
    old = chain.parse_header(text_of(CHAIN[at]))
    name = data.draw(st.sampled_from([f.name for f in dataclasses.fields(old) if f.name != "v"]))
    if name in ("snapshot", "incarnation", "fingerprint"):
        new = replace(old, snapshot="1:1:", incarnation=SEAL.incarnation, fingerprint=bytes(32))
    else:
        new = replace(old, **{name: getattr(data.draw(headers()), name)})
    line = chain.header_line(new)
    if new != old:
        # the attacker repairs block_hash, but nothing else
        seen = found(altered(at, header=line, block_hash=chain.block_hash(line)))
        assert min(number or 0 for _, number in seen) >= at + 1
        assert ("prev-hash", at + 2) in seen or at == 4


@pytest.mark.parametrize("at", range(5))
def test_deleted_block_is_named(at: int):
    assert found(CHAIN[:at] + CHAIN[at + 1 :]) == [("block-missing", at + 1)]


def test_several_deleted_blocks_are_one_problem():
    (problem,) = chain.check_chain([CHAIN[0], CHAIN[4]], salt=SALT)
    assert problem == chain.Problem("block-missing", 2, "blocks 2 to 4 are missing before block 5")


def test_all_blocks_deleted_is_found_by_the_head():
    (problem,) = chain.check_chain([], head=HEAD)
    assert (problem.kind, problem.block_number) == ("block-missing", 1)


def test_deleted_and_renumbered_breaks_the_link():
    header = replace(chain.parse_header(text_of(CHAIN[3])), block_number=3)
    line = chain.header_line(header)
    forged = replace(CHAIN[3], block_number=3, header=line, block_hash=chain.block_hash(line))
    assert ("prev-hash", 3) in found([*CHAIN[:2], forged, CHAIN[4]])


def test_block_twice_is_found():
    assert found([*CHAIN[:3], CHAIN[2], *CHAIN[3:]]) == [("prev-hash", 3)]


def test_swapped_blocks_are_found():
    assert found([CHAIN[0], CHAIN[2], CHAIN[1], CHAIN[3], CHAIN[4]])[0] == ("block-missing", 2)


def test_another_tenants_chain_is_found():
    foreign = a_block(chain.next_link(chain.Link(2, b""), CHAIN[2]), 5, "other")
    foreign = replace(foreign, tenant_id="acme")
    assert ("tenant-digest", 4) in found([*CHAIN[:3], foreign], head=None)


def test_without_a_salt_the_digest_is_not_judged():
    assert found(altered(3, tenant_id="other"), salt=None) == []


def test_too_many_events_in_a_block_are_found():
    block = a_block(chain.START, chain.BLOCK_EVENTS + 1)
    assert found([block], head=None) == [("event-count", 1)]


def test_problems_come_in_the_order_of_the_chain():
    blocks = altered(1, event_hashes=bytes(32))
    blocks[3] = replace(blocks[3], block_hash=bytes(32))
    assert found(blocks) == [("merkle-root", 2), ("block-hash", 4)]


def test_checking_reads_one_block_at_a_time():
    handed: list[int | None] = []

    def source():
        for block in altered(0, block_hash=bytes(32)):
            handed.append(block.block_number)
            yield block

    next(chain.check_chain(source(), salt=SALT))
    assert handed == [1]

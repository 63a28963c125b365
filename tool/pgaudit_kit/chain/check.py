"""What must hold for one tenant's blocks, checked a block at a time in constant memory.

Each function returns what does not hold and never raises for what a database may contain.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import lt
from typing import Literal

from pgaudit_kit.chain.header import (
    BlockHeader,
    HeaderMalformed,
    block_hash,
    parse_header,
    tenant_digest,
)
from pgaudit_kit.merkle import HASH_SIZE, root_of_concatenated

Kind = Literal[
    "block-missing",
    "prev-hash",
    "header-column",
    "header-malformed",
    "block-hash",
    "merkle-root",
    "event-count",
    "event-order",
    "tenant-digest",
]

BLOCK_EVENTS = 65_536
"""Most events in one block."""


@dataclass(frozen=True, slots=True)
class Block:
    """One row of `blocks` as the database gives it; None where a column is NULL.

    `event_hashes` holds 32 bytes an event, in the order of `event_ids`. `sealed_at` is the
    column as UTC text in the header's form, so that no value can fail to arrive.
    """

    log_index: int | None
    tenant_id: str | None
    block_number: int | None
    prev_hash: bytes | None
    event_count: int | None
    first_event_id: int | None
    last_event_id: int | None
    first_position: int | None
    event_ids: list[int] | None
    event_hashes: bytes | None
    merkle_root: bytes | None
    sealed_at: str | None
    header: str | None
    block_hash: bytes | None


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain stands: its newest block's number and the SHA-256 of that block's header.

    `next_position` is the position that the chain's next event gets; None where not known.
    """

    block_number: int
    block_hash: bytes
    next_position: int | None = None


START = Link(0, bytes(HASH_SIZE), 1)
"""A chain without blocks: block 1 has 32 zero bytes as `prev_hash`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not hold, with the block it was seen at (or that is missing)."""

    kind: Kind
    block_number: int | None
    message: str


def check_chain(
    blocks: Iterable[Block],
    *,
    salt: bytes | None = None,
    start: Link = START,
    head: Link | None = None,
) -> Iterator[Problem]:
    """Check one tenant's blocks, given in block_number order; the first problem comes first.

    `salt` is the tenant's (without it the digest in the headers is not checked), `start` the
    link before the first block given, `head` the newest block that there must be.
    """
    last = start
    for block in blocks:
        yield from check_link(last, block)
        yield from check_block(block, salt=salt)
        last = next_link(last, block)
    if head is not None:
        yield from check_head(last, head)


def next_link(previous: Link, block: Block) -> Link:
    """Where the chain stands after this block, by its own header and not by `block_hash`."""
    number = previous.block_number + 1 if block.block_number is None else block.block_number
    position = block.first_position
    if position is not None and block.event_ids is not None:
        position += len(block.event_ids)
    return Link(number, block_hash(block.header or ""), position)


def check_link(previous: Link, block: Block) -> list[Problem]:
    """Check that the block follows `previous`: number, hash of its header, event position.

    Across missing blocks hash and position cannot be judged and are not.
    """
    number, expected = block.block_number, previous.block_number + 1
    if number is not None and number > expected:
        missing = _blocks(expected, number)
        return [Problem("block-missing", expected, f"{missing} missing before block {number}")]
    if number is not None and number < expected:
        message = f"block {number} comes after block {previous.block_number}"
        return [Problem("prev-hash", number, message)]
    problems: list[Problem] = []
    if block.prev_hash != previous.block_hash:
        message = f"prev_hash is {_show(block.prev_hash)}, expected {previous.block_hash.hex()}"
        source = f"SHA-256 of block {expected - 1}'s header" if expected > 1 else "no block before it"
        problems.append(Problem("prev-hash", number, f"{message} ({source})"))
    if previous.next_position not in (None, block.first_position):
        message = f"first_position is {_show(block.first_position)}, expected {previous.next_position}"
        problems.append(Problem("event-count", number, message))
    return problems


def check_head(last: Link, head: Link) -> list[Problem]:
    """Check that a chain which stands at `last` ends with the block that `head` names."""
    if last.block_number < head.block_number:
        missing = _blocks(last.block_number + 1, head.block_number + 1)
        message = f"{missing} missing at the end of the chain"
        return [Problem("block-missing", last.block_number + 1, message)]
    if (last.block_number, last.block_hash) != (head.block_number, head.block_hash):
        message = (
            f"the chain ends with block {last.block_number}, {last.block_hash.hex()};"
            f" its recorded head is block {head.block_number}, {head.block_hash.hex()}"
        )
        return [Problem("block-hash", last.block_number, message)]
    if head.next_position is not None and last.next_position != head.next_position:
        message = (
            f"the chain's next position is {_show(last.next_position)},"
            f" by its recorded head {head.next_position}"
        )
        return [Problem("event-count", last.block_number, message)]
    return []


def check_block(block: Block, *, salt: bytes | None = None) -> list[Problem]:
    """Check what one block says by itself: header, columns, hashes, events, tenant."""
    number = block.block_number
    text = block.header
    if text is None:
        return [Problem("header-malformed", number, "header is NULL"), *_check_events(block, block)]
    problems: list[Problem] = []
    computed = block_hash(text)
    if block.block_hash != computed:
        message = f"block_hash is {_show(block.block_hash)}, the header's SHA-256 {computed.hex()}"
        problems.append(Problem("block-hash", number, message))
    try:
        header = parse_header(text)
    except HeaderMalformed as error:
        problems.append(Problem("header-malformed", number, f"header: {error}"))
        return problems + _check_events(block, block)
    problems += _check_columns(block, header)
    problems += _check_events(block, header)
    if block.tenant_id is None:
        problems.append(Problem("header-column", number, "tenant_id is NULL"))
    elif salt is not None and header.tenant != tenant_digest(salt, block.tenant_id):
        message = f"the header's tenant is not the digest of {block.tenant_id!r:.250} and its salt"
        problems.append(Problem("tenant-digest", number, message))
    return problems


def _check_columns(block: Block, header: BlockHeader) -> list[Problem]:
    """Compare each column that repeats a header field."""
    pairs: list[tuple[str, object, object]] = [
        ("log_index", block.log_index, header.log_index),
        ("block_number", block.block_number, header.block_number),
        ("prev_hash", block.prev_hash, header.prev_hash),
        ("event_count", block.event_count, header.event_count),
        ("first_event_id", block.first_event_id, header.first_event_id),
        ("last_event_id", block.last_event_id, header.last_event_id),
        ("merkle_root", block.merkle_root, header.merkle_root),
        ("sealed_at", block.sealed_at, header.sealed_at),
    ]
    return [
        Problem(
            "header-column",
            block.block_number,
            f"column {name} is {_show(column)}, the header says {_show(field)}",
        )
        for name, column, field in pairs
        if column != field
    ]


def _check_events(block: Block, says: BlockHeader | Block) -> list[Problem]:
    """Compare the two event lists with what the header (or, without one, the columns) says."""
    number = block.block_number
    problems: list[Problem] = []
    ids: list[int] = block.event_ids or []
    hashes = block.event_hashes or b""
    for name, column in (("event_ids", block.event_ids), ("event_hashes", block.event_hashes)):
        if column is None:
            problems.append(Problem("event-count", number, f"{name} is NULL"))
    if len(ids) != says.event_count:
        message = f"{len(ids)} event ids, event_count is {says.event_count}"
        problems.append(Problem("event-count", number, message))
    if len(ids) * HASH_SIZE != len(hashes):
        message = f"{len(hashes)} bytes of event hashes for {len(ids)} event ids, 32 bytes each"
        problems.append(Problem("event-count", number, message))
    if len(ids) > BLOCK_EVENTS:
        message = f"{len(ids)} events, a block holds at most {BLOCK_EVENTS}"
        problems.append(Problem("event-count", number, message))
    problems += _check_order(number, ids, says)
    computed = root_of_concatenated(hashes) if len(hashes) % HASH_SIZE == 0 else None
    if computed != says.merkle_root:
        message = f"the event hashes give {_show(computed)}, merkle_root is "
        problems.append(Problem("merkle-root", number, message + _show(says.merkle_root)))
    return problems


def _check_order(number: int | None, ids: list[int], says: BlockHeader | Block) -> list[Problem]:
    """Check that ids ascend and that the header names the first and the last."""
    problems: list[Problem] = []
    if not set(map(type, ids)) <= {int}:
        return [Problem("event-order", number, "event_ids holds something other than ids")]
    if not all(map(lt, ids, ids[1:])):
        at = next(i for i in range(1, len(ids)) if ids[i - 1] >= ids[i])
        message = f"event id {ids[at]} at position {at + 1} comes after {ids[at - 1]}"
        problems.append(Problem("event-order", number, message))
    ends = (ids[0], ids[-1]) if ids else (None, None)
    named = (says.first_event_id, says.last_event_id)
    for name, end, field in zip(("first", "last"), ends, named, strict=True):
        if end != field:
            message = f"the {name} of event_ids is {_show(end)}, {name}_event_id is {_show(field)}"
            problems.append(Problem("event-order", number, message))
    return problems


def _blocks(first: int, after: int) -> str:
    """Name the blocks from `first` to the one before `after`, with the verb."""
    return f"block {first} is" if after == first + 1 else f"blocks {first} to {after - 1} are"


def _show(value: object) -> str:
    if value is None:
        return "NULL"
    return value.hex() if isinstance(value, bytes) else f"{value!s:.100}"

"""What tests of sealing share: an audited table, and the log as `pgaudit_kit.chain` reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import psycopg

from pgaudit_kit.chain import (
    START,
    Block,
    Link,
    block_hash,
    check_chain,
    event_hash,
    header_line,
    parse_header,
)
from pgaudit_kit.merkle import root_of_concatenated
from tests.kit import run

Connection = psycopg.Connection[Any]

TABLE = "public.doc"


def audited_table(conn: Connection, dsn: str, table: str = TABLE) -> None:
    """Creates the table `(id, tenant, v)` and audits it."""
    conn.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, tenant text, v text)")
    answer = run("--dsn", dsn, "enable", table, "--tenant-column", "tenant")
    assert answer.code == 0, answer.err


def seal(conn: Connection) -> int:
    """Seals; returns how many events."""
    return int(one(conn, "SELECT audit.seal()"))


def seal_all(conn: Connection) -> None:
    """Seals until nothing is left: what a seal itself records waits for the next.

    A seal that is under way elsewhere is waited for: beside it ours would end at once, having sealed nothing.
    """
    left = 1
    while left:
        with conn.transaction():
            conn.execute("LOCK TABLE audit.seal_lock IN SHARE UPDATE EXCLUSIVE MODE")
        left = seal(conn)


def one(conn: Connection, query: str, parameters: Any = None) -> Any:
    """The one value that the query gives."""
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def write(conn: Connection, first: int, count: int = 1, tenant: str = "a", table: str = TABLE) -> None:
    """Inserts rows in one statement."""
    conn.execute(
        f"INSERT INTO {table} SELECT i, %s, 'v' FROM generate_series(%s::bigint, %s::bigint) AS i",
        [tenant, first, first + count - 1],
    )


def events(conn: Connection) -> set[int]:
    """Every event in the log that is visible."""
    return {event for (event,) in conn.execute("SELECT event_id FROM audit.change_events")}


def sealed(conn: Connection) -> list[int]:
    """Every event in a block, as often as it is in one."""
    query = "SELECT unnest(b.event_ids) FROM audit.blocks AS b ORDER BY 1"
    return [event for (event,) in conn.execute(query)]


def sealed_once(conn: Connection) -> bool:
    """Whether every event is in exactly one block."""
    return sealed(conn) == sorted(events(conn))


def blocks(conn: Connection) -> dict[str, list[Block]]:
    """Each tenant's blocks in their order."""
    rows = conn.execute(
        "SELECT b.log_index, b.tenant_id, b.block_number, b.prev_hash, b.event_count, b.first_event_id,"
        " b.last_event_id, b.first_position, b.event_ids, b.event_hashes, b.merkle_root,"
        """ to_char(b.sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),"""
        " b.header, b.block_hash"
        " FROM audit.blocks AS b ORDER BY b.log_index"
    )
    chains: dict[str, list[Block]] = defaultdict(list)
    for row in rows:
        chains[row[1]].append(Block(*row))
    return chains


def assert_sound(conn: Connection) -> None:
    """Everything that must hold for blocks whatever was sealed, recomputed in Python."""
    chains = blocks(conn)
    everything = [block for chain in chains.values() for block in chain]
    assert sorted(block.log_index or 0 for block in everything) == list(range(len(everything)))
    assert one(conn, "SELECT log_size FROM audit.seal_state") == len(everything)
    heads = conn.execute(
        "SELECT tenant_id, salt, block_number, block_hash, event_count FROM audit.chain_heads"
    )
    salts = {}
    for tenant, salt, number, digest, count in heads:
        salts[tenant] = salt
        head = Link(number, digest, count + 1)
        assert list(check_chain(chains[tenant], salt=salt, start=START, head=head)) == []
    assert set(chains) == set(salts)
    for block in everything:
        assert_block(block)
    assert_hashes(conn, everything)
    seals = [parse_header(block.header or "").snapshot for block in sorted(everything, key=_index)]
    assert seals == [] or seals[-1] is not None, "a seal ends with its record"


def assert_block(block: Block) -> None:
    """The header is spelled as Python spells it, and names what the block holds."""
    text = block.header or ""
    header = parse_header(text)
    assert header_line(header) == text
    assert block_hash(text) == block.block_hash
    assert root_of_concatenated(block.event_hashes or b"") == header.merkle_root == block.merkle_root
    assert (header.snapshot is not None) <= (block.tenant_id == "_system")


def assert_hashes(conn: Connection, everything: Iterable[Block]) -> None:
    """Each event's hash in its block is that of its line, and it was sealed after it occurred."""
    lines = {
        event: (tenant, line)
        for event, tenant, line in conn.execute(
            "SELECT e.event_id, e.tenant_id, convert_to(audit.event_line(e), 'UTF8')"
            " FROM audit.change_events AS e"
        )
    }
    for block in everything:
        hashes = block.event_hashes or b""
        for at, event in enumerate(block.event_ids or []):
            if event in lines:
                tenant, line = lines[event]
                assert tenant == block.tenant_id
                assert event_hash(line.decode()) == hashes[at * 32 : at * 32 + 32]
    late = (
        "SELECT count(*) FROM audit.blocks AS b CROSS JOIN unnest(b.event_ids) AS i"
        " INNER JOIN audit.change_events AS e ON e.event_id = i WHERE e.occurred_at > b.sealed_at"
    )
    assert one(conn, late) == 0


def _index(block: Block) -> int:
    return block.log_index or 0

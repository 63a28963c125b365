"""Event line, block header and hash chain, written without looking at the kit's SQL.

`verify` recomputes here what the database claims. Pure: bytes and text in, values out. Numbers
are PostgreSQL bigint; hashes are 32 raw bytes in Python and lower-case hex in every line.
"""

from pgaudit_kit.chain.check import (
    BLOCK_EVENTS,
    START,
    Block,
    Kind,
    Link,
    Problem,
    check_block,
    check_chain,
    check_head,
    check_link,
    next_link,
)
from pgaudit_kit.chain.header import (
    BlockHeader,
    HeaderMalformed,
    Incarnation,
    block_hash,
    header_line,
    parse_header,
    tenant_digest,
)
from pgaudit_kit.chain.line import (
    Event,
    event_hash,
    event_line,
    personal_commitment,
    utc_text,
)

__all__ = [
    "BLOCK_EVENTS",
    "START",
    "Block",
    "BlockHeader",
    "Event",
    "HeaderMalformed",
    "Incarnation",
    "Kind",
    "Link",
    "Problem",
    "block_hash",
    "check_block",
    "check_chain",
    "check_head",
    "check_link",
    "event_hash",
    "event_line",
    "header_line",
    "next_link",
    "parse_header",
    "personal_commitment",
    "tenant_digest",
    "utc_text",
]

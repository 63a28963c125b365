"""Level chain: every block, every tenant's chain and the log of all blocks, from one stream in log order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from pgaudit_kit.chain import (
    START,
    Block,
    BlockHeader,
    HeaderMalformed,
    Link,
    block_hash,
    check_block,
    check_head,
    check_link,
    next_link,
    parse_header,
)
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.fingerprints import Fingerprints
from pgaudit_kit.verify.log import Gap, MissingBlocks, unexplained
from pgaudit_kit.verify.report import Finding
from pgaudit_kit.verify.seals import Seals

SYSTEM = "_system"
CHUNK = 400_000
"""Event ids that one statement judges at a time."""
NOTED = 10_000
"""Gaps, missing blocks and blocks with false columns that are remembered one by one."""

_END = 2**63


@dataclass(frozen=True, slots=True)
class Head:
    """A row of chain_heads."""

    salt: bytes | None
    block_number: int | None
    block_hash: bytes | None
    event_count: int | None

    def link(self) -> Link | None:
        """Where the chain must stand; None where the row does not say."""
        if self.block_number is None or self.block_hash is None or self.event_count is None:
            return None
        return Link(self.block_number, self.block_hash, self.event_count + 1)


@dataclass(slots=True)
class Chain:
    """How far one tenant's chain has been read."""

    link: Link = field(default=START)
    log_index: int = -1
    blocks: int = 0
    events: int = 0
    missing_blocks: int = 0
    missing_events: int | None = 0
    """Events that missing blocks held, by the positions of the blocks around them; None if unknown."""


@dataclass(slots=True)
class Unreliable:
    """A block whose own list does not fit its header; its events tell which of both is wrong."""

    log_index: int
    tenant_id: str
    block_number: int | None
    merkle_root: bytes


@dataclass(slots=True)
class Span:
    """Log positions of the blocks that hold events of one chunk."""

    low: int
    high: int


@dataclass(slots=True)
class ChainLevel:
    """Reads blocks in log order. `judged` are the tenants to report about; None for all."""

    findings: Findings
    heads: Mapping[str, Head]
    highest_genuine_id: int
    judged: Collection[str] | None = None
    heads_known: bool = True
    chains: dict[str, Chain] = field(default_factory=dict)
    seals: Seals = field(default_factory=Seals)
    fingerprints: Fingerprints = field(default_factory=Fingerprints)
    chunks: dict[int, Span] = field(default_factory=dict)
    """Event id divided by CHUNK, and where in the log its blocks are."""
    false_columns: list[int] = field(default_factory=list)
    """Log positions of blocks whose first and last event id cannot be trusted to find them."""
    false_times: set[int] = field(default_factory=set)
    """Log positions of blocks that do not say when they were sealed."""
    unreliable: list[Unreliable] = field(default_factory=list)
    next_index: int = 0
    lowest_event_id: int = _END - 1
    """The lowest in any block that was read."""
    seal_sound: bool = True
    """Whether the newest seal record is whole and follows the block before it."""
    _highest_event_id: int = 0
    _gaps: list[Gap] = field(default_factory=list)
    _missing: list[MissingBlocks] = field(default_factory=list)
    _unsealed: list[tuple[str, Block]] = field(default_factory=list)

    def see(self, block: Block) -> None:
        """Take the next block of the log; a block of a tenant that is not judged needs no events."""
        tenant_id = block.tenant_id
        self._see_position(block)
        if tenant_id is None:
            self._add("header-column", None, block, "a block has no tenant_id")
            return
        chain = self.chains.setdefault(tenant_id, Chain())
        self._see_missing(chain, block)
        header = _header(block)
        judged = self.is_judged(tenant_id)
        if judged:
            self._judge(chain, block, header)
        if tenant_id == SYSTEM:
            sound = header is not None and block.block_hash == block_hash(block.header or "")
            self.fingerprints.see(block, header)
            self.seal_sound = sound and not check_link(chain.link, block)
        self._see_seal(tenant_id, block, header)
        link = next_link(chain.link, block)
        chain.link = link if judged else replace(link, next_position=None)
        chain.log_index = max(chain.log_index, block.log_index or 0)
        chain.blocks += 1
        chain.events += len(block.event_ids or ())

    def end(self, log_size: int | None) -> None:
        """Compare the ends of the chains and of the log with what was recorded about them."""
        for tenant_id, head in self.heads.items():
            chain = self.chains.setdefault(tenant_id, Chain())
            self._see_end(tenant_id, chain, head)
        for tenant_id, chain in self.chains.items():
            if self.is_judged(tenant_id) and tenant_id not in self.heads and self.heads_known:
                message = "the chain has blocks and no row in chain_heads: its end cannot be known"
                self._add("head-mismatch", tenant_id, None, message, number=chain.link.block_number)
        end = self.heads.get(SYSTEM)
        last = self.chains[SYSTEM].link if SYSTEM in self.chains else START
        if end and (last.block_number, last.block_hash) == (end.block_number, end.block_hash):
            self.seals.confirm()
        self._end_log(log_size)

    def is_judged(self, tenant_id: str) -> bool:
        """Whether the tenant is reported about."""
        return self.judged is None or tenant_id in self.judged

    def _see_position(self, block: Block) -> None:
        index = block.log_index
        if index is None or index < self.next_index:
            place = "no log_index" if index is None else f"log_index {index} like a block before it"
            if block.tenant_id is None or self.is_judged(block.tenant_id):
                self._add("log-order", block.tenant_id, block, f"the block has {place}")
            return
        if index > self.next_index:
            self._gaps.append(Gap(self.next_index, index))
            self._unsealed.clear()  # their seal record may be among what is missing
        self.next_index = index + 1

    def _see_missing(self, chain: Chain, block: Block) -> None:
        number, index = block.block_number, block.log_index
        expected = chain.link.block_number + 1
        if number is None or number <= expected:
            return
        chain.missing_blocks += number - expected
        if index is not None:
            self._missing.append(MissingBlocks(number - expected, chain.log_index, index))
        self._see_missing_events(chain, block.first_position)

    def _see_missing_events(self, chain: Chain, next_position: int | None) -> None:
        position = chain.link.next_position
        if chain.missing_events is None or position is None or next_position is None:
            chain.missing_events = None
        else:
            chain.missing_events += max(0, next_position - position)

    def _judge(self, chain: Chain, block: Block, header: BlockHeader | None) -> None:
        assert block.tenant_id is not None  # noqa: S101 - the caller has looked
        head = self.heads.get(block.tenant_id)
        problems = [*check_link(chain.link, block), *check_block(block, salt=head.salt if head else None)]
        for problem in problems:
            self._add(problem.kind, block.tenant_id, None, problem.message, number=problem.block_number)
        kinds = {problem.kind for problem in problems}
        if "merkle-root" in kinds and header and block.log_index is not None and len(self.unreliable) < NOTED:
            self.unreliable.append(
                Unreliable(block.log_index, block.tenant_id, block.block_number, header.merkle_root)
            )
        self._place_events(block, sound=not problems)

    def _place_events(self, block: Block, *, sound: bool) -> None:
        """Note in which chunks the block's events lie, by its list and not by its other columns."""
        ids = [number for number in block.event_ids or () if isinstance(number, int)]
        index = block.log_index
        if not ids or index is None:
            return
        low, high = min(ids), max(ids)
        self.lowest_event_id = min(self.lowest_event_id, low)
        if (low, high) != (block.first_event_id, block.last_event_id) and len(self.false_columns) < NOTED:
            self.false_columns.append(index)
        if sound and high <= self.highest_genuine_id:
            self._highest_event_id = max(self._highest_event_id, high)
        for chunk in {number // CHUNK for number in ids}:
            span = self.chunks.setdefault(chunk, Span(index, index))
            span.low, span.high = min(span.low, index), max(span.high, index)

    def _see_seal(self, tenant_id: str, block: Block, header: BlockHeader | None) -> None:
        if header is None or header.snapshot is None:
            if tenant_id == SYSTEM and header is None:
                self._unsealed.clear()  # it may have been the seal record
            elif self.is_judged(tenant_id):
                self._unsealed.append((tenant_id, replace(block, event_ids=None, event_hashes=None)))
            return
        if tenant_id != SYSTEM:
            if self.is_judged(tenant_id):
                self._add("header-malformed", tenant_id, block, "only the kit's own chain has seal records")
            return
        for other, earlier in self._unsealed:
            if earlier.sealed_at != header.sealed_at:
                says = f"the seal record after it says {header.sealed_at}"
                self._add("sealed-at", other, earlier, f"sealed_at is {earlier.sealed_at}, {says}")
                self.false_times.add(earlier.log_index or 0)
        self._unsealed.clear()
        self.seals.add(header, self._highest_event_id, sound=self.seal_sound)

    def _see_end(self, tenant_id: str, chain: Chain, head: Head) -> None:
        link = head.link()
        if link is None:
            if self.is_judged(tenant_id):
                self._add("head-mismatch", tenant_id, None, "the row in chain_heads is incomplete")
            return
        missing = link.block_number - chain.link.block_number
        if missing > 0:
            chain.missing_blocks += missing
            self._missing.append(MissingBlocks(missing, chain.log_index, _END))
            self._see_missing_events(chain, link.next_position)
        if self.is_judged(tenant_id):
            for problem in check_head(chain.link, link):
                kind = problem.kind if problem.kind == "block-missing" else "head-mismatch"
                self._add(kind, tenant_id, None, problem.message, number=problem.block_number)

    def _end_log(self, log_size: int | None) -> None:
        size = self.next_index if log_size is None else log_size
        if size > self.next_index:
            self._gaps.append(Gap(self.next_index, size))
        elif size < self.next_index:
            message = f"the log has {self.next_index} positions, seal_state says {size}"
            self._add("seal-state", None, None, message)
        if size <= self.next_index:
            for tenant_id, block in self._unsealed:
                message = "no seal record follows the block, as one does after every seal"
                self._add("seal-missing", tenant_id, block, message)
        for gap in unexplained(self._gaps, self._missing):
            after = gap.after - 1
            what = f"block {gap.first}" if after == gap.first else f"blocks {gap.first} to {after}"
            message = f"{what} of the log (log_index) missing, and no tenant's chain tells whose"
            self._add("log-gap", None, None, message)

    def _add(
        self,
        kind: str,
        tenant_id: str | None,
        block: Block | None,
        message: str,
        *,
        number: int | None = None,
    ) -> None:
        number = block.block_number if block else number
        self.findings.add(
            Finding(kind=kind, level="chain", tenant_id=tenant_id, block_number=number, message=message)
        )


def _header(block: Block) -> BlockHeader | None:
    try:
        return parse_header(block.header or "")
    except HeaderMalformed:
        return None

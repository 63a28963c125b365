"""Where an incremental verification begins: at a size that was signed, with the tree up to there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pgaudit_kit.chain import Link, block_hash
from pgaudit_kit.errors import Inconclusive
from pgaudit_kit.merkle import HASH_SIZE, Tree, fold, leaf_hash
from pgaudit_kit.verify.chain_level import Chain, ChainLevel
from pgaudit_kit.verify.claims import Claim
from pgaudit_kit.verify.session import Session

TILE = 256


def tree_at(session: Session, size: int, claims: Iterable[Claim]) -> Tree:
    """The tree over the first `size` blocks, as it was signed.

    Its few hashes come from the database's tiles and headers, and count only if they give the root that
    was signed. Raises Inconclusive where nothing of that size was signed, or they do not.
    """
    claims = list(claims)
    roots = {claim.checkpoint.root for claim in claims if claim.checkpoint.size == size}
    if not roots:
        sizes = sorted({claim.checkpoint.size for claim in claims if claim.checkpoint.size})
        near = [known for known in sizes if known <= size][-1:] + [known for known in sizes if known > size][
            :1
        ]
        raise Inconclusive(
            f"No signed checkpoint of {size:,} blocks was found.",
            hint=f"Signed sizes near it: {', '.join(map(str, near))}." if near else "Nothing was signed yet.",
        )
    peaks: list[bytes] = []
    level = 0
    while size >> (8 * level):
        end = size >> (8 * level)
        first = end // TILE * TILE
        peaks = _peaks(_nodes(session, level, first, end)) + peaks
        level += 1
    try:
        tree = Tree.from_peaks(size, peaks)
    except ValueError:
        tree = Tree()
    if tree.size != size or tree.root() not in roots:
        raise Inconclusive(
            f"The database's tree of the first {size:,} blocks is not the one that was signed.",
            hint="Run `pgaudit-kit verify` without --since: it tells where they differ.",
        )
    return tree


def begin(session: Session, size: int, level: ChainLevel) -> None:
    """Let each chain go on from its last block before `size`."""
    for row in session.rows("chains_at", {"since": size}):
        level.chains[row.tenant_id] = Chain(
            link=Link(row.block_number, block_hash(row.header or ""), row.next_position),
            log_index=row.log_index,
        )
    level.next_index = size


def _nodes(session: Session, level: int, first: int, end: int) -> list[bytes]:
    """Hashes of the nodes from `first` to before `end` at one level of tiles."""
    if first == end:
        return []
    values: dict[str, Any] = {"level": level - 1, "first": first, "end": end}
    if level == 0:
        return [leaf_hash((row.header or "").encode()) for row in session.rows("headers", values)]
    return [fold(split(row.hashes)) for row in session.rows("tiles", values)]


def split(hashes: bytes) -> list[bytes]:
    """Concatenated hashes one by one."""
    return [bytes(hashes[at : at + HASH_SIZE]) for at in range(0, len(hashes), HASH_SIZE)]


def _peaks(nodes: list[bytes]) -> list[bytes]:
    """The perfect subtrees over these nodes, largest first."""
    found, at, left = [], 0, len(nodes)
    while left:
        part = 1 << left.bit_length() - 1
        found.append(fold(nodes[at : at + part]))
        at, left = at + part, left - part
    return found
